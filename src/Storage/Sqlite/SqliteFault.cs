using System.Globalization;
using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>A result code that is not success. <see cref="Code"/> is the primary code, its cause in the upper
/// bits of the extended one.</summary>
internal sealed class SqliteFault(int extendedCode, string message) : Exception(message)
{
    public int Code => ExtendedCode & 0xFF;

    public int ExtendedCode { get; } = extendedCode;

    /// <summary>A row contradicts another: the fault of who wrote it, not of the store.</summary>
    public bool IsOfWriter => Code is raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH or raw.SQLITE_TOOBIG;

    public bool IsOutOfSpace => Code == raw.SQLITE_FULL;

    public static SqliteFault Of(sqlite3 database)
    {
        var code = raw.sqlite3_extended_errcode(database);
        var text = raw.sqlite3_errmsg(database).utf8_to_string();
        return new SqliteFault(code, string.Create(CultureInfo.InvariantCulture, $"{text} (SQLite code {code})"));
    }
}
