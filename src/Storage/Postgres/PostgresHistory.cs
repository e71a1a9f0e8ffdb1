using System.Data;
using MailCluster.Storage.History;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// The history of a database: whether a node may go on with it, and how it is told to. Commit tokens, which every
/// commit writes anyway, tell how far a node was.
/// </summary>
public sealed class PostgresHistory
{
    private const string Advance =
        """
        UPDATE folder f SET uidvalidity = n.value
        FROM (SELECT f.mailbox, f.id, greatest(m.next_uidvalidity, $1) - 1
                  + row_number() OVER (PARTITION BY f.mailbox ORDER BY f.id) AS value
              FROM folder f JOIN mailbox m ON m.id = f.mailbox) n
        WHERE f.mailbox = n.mailbox AND f.id = n.id
        """;

    private const string Raise =
        """
        UPDATE mailbox m SET last_number = greatest(m.last_number, $1),
            next_uidvalidity = greatest(m.next_uidvalidity, $2)
                + (SELECT count(*) FROM folder f WHERE f.mailbox = m.id)
        """;

    /// <summary>No start of a node from before commits any more, not even one that stood still meanwhile.</summary>
    private const string EndNodes = "UPDATE node SET state = 3 WHERE state <> 3";

    private const string FreeShards =
        "UPDATE shard SET owner = NULL, incarnation = NULL, epoch = epoch + 1 WHERE owner IS NOT NULL";

    /// <summary>Those that were given after the backup are not given again.</summary>
    private const string RaiseIncarnation = "SELECT setval('incarnation', last_value + 1000000) FROM incarnation";

    private const string Add =
        "INSERT INTO history (number, id) SELECT max(number) + 1, $1 FROM history ON CONFLICT (id) DO NOTHING";

    private const int AcceptSeconds = 3600;

    internal PostgresHistory(PositionFile file, string current, string node)
    {
        File = file;
        Current = current;
        Node = node;
    }

    internal PositionFile File { get; }

    internal string Current { get; }

    internal string Node { get; }

    /// <summary>Before the node takes its place.</summary>
    /// <exception cref="StoreOpenException">The data directory remembers what the database lacks.</exception>
    public static async Task<PostgresHistory> CheckAsync(
        PostgresDatabase database, string node, string directory, ILoggerFactory log,
        CancellationToken cancellationToken)
    {
        var file = new PositionFile(Path.GetFullPath(directory), log.CreateLogger("MailCluster.Store"));
        var remembered = file.Read();
        StoreHistory found;
        try
        {
            await using var source = database.CreateSource("mailcluster/start", settings => settings.Pooling = false);
            await using var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            found = await ReadAsync(connection, database.Place, node, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw new StoreOpenException(
                $"The database {database.Place} cannot be read: {PostgresErrors.Text(thrown)}", thrown);
        }

        return found.RefusalOf(remembered, node, file.Directory) is { } refusal
            ? throw new StoreOpenException(refusal)
            : new PostgresHistory(file, found.Current, node);
    }

    /// <summary>
    /// With every node stopped: what is given from now on was never given before, whatever the database has lost.
    /// </summary>
    /// <param name="directory">Of a node: which history it remembers is known from now on.</param>
    /// <returns>The number of mailboxes.</returns>
    /// <exception cref="StoreOpenException">A node is alive, or the database does not do it.</exception>
    public static async Task<long> AcceptAsync(
        string connectionString, string directory, TimeProvider time, CancellationToken cancellationToken)
    {
        var database = await PostgresDatabase.OpenAsync(
            connectionString, time, NullLoggerFactory.Instance, cancellationToken).ConfigureAwait(false);
        var remembered = new PositionFile(directory, NullLogger.Instance).Read();
        try
        {
            await using var source = database.CreateSource("mailcluster/restore", settings =>
            {
                settings.Pooling = false;
                settings.CommandTimeout = AcceptSeconds;
            });
            await using var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(
                IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
            await StopNodesAsync(connection, cancellationToken).ConfigureAwait(false);
            var mailboxes = await RaiseAsync(connection, remembered?.History, time, cancellationToken)
                .ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return mailboxes;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw new StoreOpenException(
                $"The database {database.Place} does not accept the restore: {PostgresErrors.Text(thrown)}", thrown);
        }
    }

    private static async Task StopNodesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // As every change of membership does; and commits that were checked before are waited for.
        _ = await Sql.RunAsync(connection, Cluster.ClusterSql.Rise, cancellationToken).ConfigureAwait(false);
        _ = await Sql.RunAsync(
            connection, $"SELECT pg_advisory_xact_lock({CommitSql.NodeLocks}, id) FROM node ORDER BY id",
            cancellationToken).ConfigureAwait(false);
        var alive = await Sql.ListAsync(
            connection, "SELECT name FROM node WHERE state <> 3 AND lease_until > clock_timestamp() ORDER BY name FOR UPDATE",
            static row => row.GetString(0), cancellationToken).ConfigureAwait(false);
        if (!alive.IsEmpty)
        {
            throw new StoreOpenException(
                $"Nodes are alive: {string.Join(", ", alive)}. Stop every node first, and wait some seconds for the "
                    + "leases of those that were killed.");
        }

        foreach (var statement in (string[])[EndNodes, FreeShards, RaiseIncarnation])
        {
            _ = await Sql.RunAsync(connection, statement, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<long> RaiseAsync(
        NpgsqlConnection connection, string? remembered, TimeProvider time, CancellationToken cancellationToken)
    {
        var theirs = await Sql.ScalarAsync<DateTime>(connection, "SELECT clock_timestamp()", cancellationToken)
            .ConfigureAwait(false);
        var ours = time.GetUtcNow();
        var accepted = AcceptedRestore.At(ours > theirs ? ours : theirs);
        _ = await Sql.RunAsync(connection, Advance, cancellationToken, accepted.UidValidity).ConfigureAwait(false);
        var mailboxes = await Sql.RunAsync(
            connection, Raise, cancellationToken, accepted.MessageNumber, accepted.UidValidity).ConfigureAwait(false);
        foreach (var identity in (string?[])[remembered, accepted.History])
        {
            if (identity is not null)
            {
                _ = await Sql.RunAsync(connection, Add, cancellationToken, identity).ConfigureAwait(false);
            }
        }

        return mailboxes;
    }

    private static async Task<StoreHistory> ReadAsync(
        NpgsqlConnection connection, string place, string node, CancellationToken cancellationToken)
    {
        var identities = await Sql.ListAsync(
            connection, "SELECT id FROM history ORDER BY number", static row => row.GetString(0), cancellationToken)
            .ConfigureAwait(false);
        var found = await Sql.ListAsync(
            connection,
            "SELECT n.id, coalesce((SELECT sum(token) FROM commit_token WHERE node = n.id), 0)::bigint "
            + "FROM node n WHERE lower(n.name) = lower($1)",
            static row => (Id: row.GetInt32(0), Position: row.GetInt64(1)), cancellationToken, node)
            .ConfigureAwait(false);
        return found is [var own]
            ? new(place, identities, own.Id, own.Position)
            : new(place, identities, null, 0);
    }
}
