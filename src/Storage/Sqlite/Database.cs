using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>One connection, owned by one thread at a time, with the statements prepared on it.</summary>
internal sealed class Database : IDisposable
{
    private readonly Dictionary<string, Statement> _statements = [];
    private readonly sqlite3 _handle;

    private Database(sqlite3 handle)
    {
        _handle = handle;
    }

    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    public int Changes => raw.sqlite3_changes(_handle);

    /// <exception cref="SqliteFault">It cannot be opened.</exception>
    public static Database Open(string path, bool create, int cacheKibibytes)
    {
        // No mutex: a connection belongs to one thread. No URI: a path is a path.
        var mode = raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_NOMUTEX | (create ? raw.SQLITE_OPEN_CREATE : 0);
        if (raw.sqlite3_open_v2(path, out var handle, mode, null) != raw.SQLITE_OK)
        {
            var fault = SqliteFault.Of(handle);
            handle.Dispose();
            throw fault;
        }

        var database = new Database(handle);
        try
        {
            _ = raw.sqlite3_busy_timeout(handle, 10_000);
            database.Execute($"PRAGMA cache_size=-{cacheKibibytes}");
            return database;
        }
        catch (SqliteFault)
        {
            database.Dispose();
            throw;
        }
    }

    public void Execute(string sql)
    {
        if (raw.sqlite3_exec(_handle, sql) != raw.SQLITE_OK)
        {
            throw SqliteFault.Of(_handle);
        }
    }

    /// <summary>Prepared at first use and kept: <paramref name="sql"/> has to be a constant.</summary>
    public Statement Get(string sql)
    {
        if (!_statements.TryGetValue(sql, out var statement))
        {
            statement = new Statement(_handle, sql);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>The first column of the first row; 0 when there is none.</summary>
    public long Scalar(string sql)
    {
        var statement = Get(sql);
        var value = statement.Step() ? statement.Long(0) : 0;
        statement.Reset();
        return value;
    }

    public string ScalarText(string sql)
    {
        var statement = Get(sql);
        var value = statement.Step() ? statement.Text(0) : string.Empty;
        statement.Reset();
        return value;
    }

    public void Rollback()
    {
        // A full disk or a failed write may have rolled it back already.
        if (InTransaction)
        {
            Execute("ROLLBACK");
        }
    }

    /// <summary>
    /// Part of a blob without making the whole: the read walks the overflow chain and copies only what is asked.
    /// False when there is no such row.
    /// </summary>
    public bool ReadBlob(string table, string column, long row, int offset, Span<byte> destination)
    {
        var result = raw.sqlite3_blob_open(_handle, "main", table, column, row, 0, out var blob);
        if (result != raw.SQLITE_OK)
        {
            blob?.Dispose();
            return result == raw.SQLITE_ERROR ? false : throw SqliteFault.Of(_handle);
        }

        try
        {
            return raw.sqlite3_blob_read(blob, destination, offset) == raw.SQLITE_OK
                ? true
                : throw SqliteFault.Of(_handle);
        }
        finally
        {
            blob.Dispose();
        }
    }

    /// <returns>Frames in the log and frames of them copied to the database; equal when the log can start
    /// anew.</returns>
    public (int Log, int Copied, bool Busy) Checkpoint(int mode)
    {
        var result = raw.sqlite3_wal_checkpoint_v2(_handle, "main", mode, out var log, out var copied);
        return result is raw.SQLITE_OK or raw.SQLITE_BUSY
            ? (log, copied, result == raw.SQLITE_BUSY)
            : throw SqliteFault.Of(_handle);
    }

    /// <summary>Pages that this connection has written since the last call.</summary>
    public int TakePagesWritten()
    {
        const int cacheWrite = 9;
        _ = raw.sqlite3_db_status(_handle, cacheWrite, out var current, out _, 1);
        return current;
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Dispose();
        }

        _statements.Clear();
        _handle.Dispose();
    }
}
