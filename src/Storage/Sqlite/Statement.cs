using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// A prepared statement that is run many times by the one thread that owns its connection. Parameters count from
/// 1, columns from 0.
/// A statement that is not run to its end keeps a read transaction open: <see cref="Reset"/> ends it.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _handle;

    public Statement(sqlite3 database, string sql)
    {
        _database = database;
        if (raw.sqlite3_prepare_v3(database, sql, raw.SQLITE_PREPARE_PERSISTENT, out _handle) != raw.SQLITE_OK)
        {
            throw SqliteFault.Of(database);
        }
    }

    public void Bind(int parameter, long value) => Check(raw.sqlite3_bind_int64(_handle, parameter, value));

    public void Bind(int parameter, string? value) =>
        Check(value is null ? raw.sqlite3_bind_null(_handle, parameter)
            : raw.sqlite3_bind_text(_handle, parameter, value));

    public void Bind(int parameter, ReadOnlySpan<byte> value) =>
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_handle, parameter, 0)
            : raw.sqlite3_bind_blob(_handle, parameter, value));

    public void Bind(int parameter, long? value)
    {
        if (value is { } there)
        {
            Bind(parameter, there);
        }
        else
        {
            BindNull(parameter);
        }
    }

    public void BindNull(int parameter) => Check(raw.sqlite3_bind_null(_handle, parameter));

    /// <summary>True: a row is there to be read.</summary>
    public bool Step()
    {
        var result = raw.sqlite3_step(_handle);
        if (result == raw.SQLITE_ROW)
        {
            return true;
        }

        if (result == raw.SQLITE_DONE)
        {
            return false;
        }

        var fault = SqliteFault.Of(_database);
        Reset();
        throw fault;
    }

    /// <summary>Runs to the end, giving up any rows.</summary>
    public void Run()
    {
        while (Step())
        {
        }

        Reset();
    }

    public long Long(int column) => raw.sqlite3_column_int64(_handle, column);

    public string Text(int column) => raw.sqlite3_column_text(_handle, column).utf8_to_string();

    public bool IsNull(int column) => raw.sqlite3_column_type(_handle, column) == raw.SQLITE_NULL;

    /// <summary>Valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(_handle, column);

    // The code of the last failed step comes again here; it was thrown then.
    public void Reset() => _ = raw.sqlite3_reset(_handle);

    public void Dispose() => _handle.Dispose();

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            throw SqliteFault.Of(_database);
        }
    }
}
