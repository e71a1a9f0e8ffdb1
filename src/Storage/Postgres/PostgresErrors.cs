using System.Net.Sockets;
using MailCluster.Actors.Storage;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>What an error of the database means to us.</summary>
internal static class PostgresErrors
{
    /// <summary>Raised by our own functions: this start of the node may not write any more.</summary>
    public const string NodeLost = "MC001";

    /// <summary>Raised by our own functions; the text names the shards.</summary>
    public const string ShardsLost = "MC002";

    /// <summary>Somebody has looked for the token since: this connection was thought dead.</summary>
    public const string LaneLost = "MC004";

    private const string RowsDiffer = "MC003";

    /// <summary>A row contradicts another: the fault of who wrote it, not of the database.</summary>
    public static bool IsOfWriter(PostgresException error) =>
        error.SqlState == RowsDiffer || error.SqlState[..2] is "21" or "22" or "23" or "42" or "54";

    public static bool IsOutOfSpace(PostgresException error) => error.SqlState == PostgresErrorCodes.DiskFull;

    /// <summary>Two transactions met: the next attempt goes through.</summary>
    public static bool IsPassing(PostgresException error) => error.SqlState is
        PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure
        or PostgresErrorCodes.LockNotAvailable;

    /// <summary>
    /// The server took its leave, is a standby, or does not know what was prepared: another connection is needed.
    /// </summary>
    public static bool EndsConnection(PostgresException error) =>
        error.InvariantSeverity is "FATAL" or "PANIC" || error.SqlState[..2] is "57" or "08" or "26"
        || error.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction;

    /// <summary>True: the database did not do what it was asked, for whatever cause outside of this process.</summary>
    public static bool IsOfDatabase(Exception thrown) =>
        thrown is NpgsqlException or IOException or SocketException or TimeoutException;

    public static StoreUnavailableException Unavailable(Exception thrown) => new(Text(thrown), thrown);

    /// <summary>One line; never more of the connection string than Npgsql's own words have.</summary>
    public static string Text(Exception thrown) => thrown switch
    {
        PostgresException error => $"{error.MessageText} (PostgreSQL {error.SqlState})",
        NpgsqlException { InnerException: { } inner } => $"{thrown.Message}: {inner.Message}",
        _ => thrown.Message,
    };
}
