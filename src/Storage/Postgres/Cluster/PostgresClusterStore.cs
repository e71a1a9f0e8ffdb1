using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>
/// Membership in PostgreSQL. All leases are on the server's clock_timestamp(). Renewals have a connection of their own,
/// so that neither mail nor a claim stands before them; none of its connections is one that a claimer ends.
/// </summary>
public sealed class PostgresClusterStore : IClusterStore, IAsyncDisposable
{
    private const string ApplicationName = "mailcluster/membership";

    private readonly NpgsqlDataSource _leases;
    private readonly NpgsqlDataSource _changes;
    private readonly NpgsqlDataSource _listening;
    private readonly ClusterFeed _feed;
    private Known _known = Known.Nothing;

    /// <param name="lease">A renewal may take a fifth of it at the server, everything else two fifths.</param>
    public PostgresClusterStore(PostgresDatabase database, TimeSpan lease, TimeProvider time, ILoggerFactory log)
    {
        _leases = Source(database, "lease", 1, lease / 5);
        _changes = Source(database, "table", 4, lease * 0.4);
        _listening = Source(database, "listen", 1, TimeSpan.Zero);
        _feed = new ClusterFeed(_listening, lease, time, log.CreateLogger("MailCluster.Cluster"), RaiseChanged);
    }

    public event Action? Changed;

    public async Task<JoinAnswer> JoinAsync(
        NodeRegistration node, TimeSpan lease, CancellationToken cancellationToken)
    {
        object[] values = [node.Name, node.Address, lease, node.Version, node.WireVersion];
        var peer = await ChangeAsync(
            async change =>
                await change.FindAsync(ClusterSql.Rejoin, ReadPeer, values).ConfigureAwait(false)
                    ?? await change.FindAsync(ClusterSql.Join, ReadPeer, values).ConfigureAwait(false),
            static peer => peer is not null,
            cancellationToken).ConfigureAwait(false);
        return peer is { } place
            ? new(new NodePeer(place.Id, place.Incarnation), null)
            : new(null, await RefusalAsync(node.Name, cancellationToken).ConfigureAwait(false));
    }

    public async Task<RenewAnswer> RenewAsync(NodePeer self, TimeSpan lease, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection =
                await _leases.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            var renewed = await Sql.RunAsync(
                connection, ClusterSql.Renew, cancellationToken, self.Id.Value, self.Incarnation.Value, lease)
                .ConfigureAwait(false);
            return renewed == 1 ? RenewAnswer.Renewed : RenewAnswer.Lost;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    public async Task<ClusterTable> ReadAsync(CancellationToken cancellationToken)
    {
        var known = Volatile.Read(ref _known);
        try
        {
            await using var connection =
                await _changes.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(
                IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
            var table = await ReadAsync(connection, known, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _known, new Known(table.Version, table.Shards));
            return table;
        }
        catch (Exception thrown)
        {
            // Another server may answer next, which had never seen that version.
            Volatile.Write(ref _known, Known.Nothing);
            if (PostgresErrors.IsOfDatabase(thrown))
            {
                throw PostgresErrors.Unavailable(thrown);
            }

            throw;
        }
    }

    public Task<bool> SetStateAsync(NodePeer self, NodeState state, CancellationToken cancellationToken)
    {
        object[] values = [self.Id.Value, self.Incarnation.Value, (short)state];
        return ChangeOrAskAsync(ClusterSql.SetState, ClusterSql.IsThere, values, cancellationToken);
    }

    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        ChangeOrAskAsync(ClusterSql.RequestDrain, ClusterSql.IsDraining, [name], cancellationToken);

    public async Task<bool> ClaimAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken)
    {
        if (!await EndBackendsAsync(dead, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        var targets = Columns(to.Select(move => (move.Shard, move.To)));
        return await ChangeAsync(
            async change =>
            {
                if (!await change.AskAsync(ClusterSql.IsClaimer, self.Id.Value, self.Incarnation.Value)
                    .ConfigureAwait(false))
                {
                    return false;
                }

                var down = await change.RunAsync(ClusterSql.SetDown, dead.Id.Value, dead.Incarnation.Value)
                    .ConfigureAwait(false);
                if (!await change.AskAsync(ClusterSql.IsDead, dead.Id.Value, dead.Incarnation.Value)
                    .ConfigureAwait(false))
                {
                    return false;
                }

                var moved = await change.RunAsync(
                    ClusterSql.TakeOver, [dead.Id.Value, dead.Incarnation.Value, .. targets]).ConfigureAwait(false);
                return down + moved > 0;
            },
            static isDone => isDone,
            cancellationToken,
            dead.Id).ConfigureAwait(false);
    }

    public Task<int> AssignAsync(
        NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to, CancellationToken cancellationToken)
    {
        object[] values =
            [self.Id.Value, self.Incarnation.Value, .. Columns(to.Select(move => (move.Shard, move.To)))];
        return ChangeAsync(
            async change => await change.RunAsync(ClusterSql.Assign, values).ConfigureAwait(false),
            static assigned => assigned > 0,
            cancellationToken);
    }

    /// <remarks>
    /// Waits for the commits of this node that are under way, as a claimer would: what commits for these shards
    /// afterwards is refused, even if their residents did not leave in time.
    /// </remarks>
    public Task<ImmutableArray<ShardRow>> HandOverAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken)
    {
        object[] values =
        [
            self.Id.Value, self.Incarnation.Value, .. Columns(to.Select(move => (move.Shard.Shard, move.To))),
            to.Select(move => move.Shard.Epoch).ToArray(),
        ];
        return ChangeAsync(
            async change => await change.ListAsync(ClusterSql.HandOver, ReadShard, values).ConfigureAwait(false),
            static rows => !rows.IsEmpty,
            cancellationToken,
            self.Id);
    }

    public async ValueTask DisposeAsync()
    {
        await _feed.DisposeAsync().ConfigureAwait(false);
        await _listening.DisposeAsync().ConfigureAwait(false);
        await _leases.DisposeAsync().ConfigureAwait(false);
        await _changes.DisposeAsync().ConfigureAwait(false);
    }

    private static NpgsqlDataSource Source(
        PostgresDatabase database, string use, int connections, TimeSpan patience) =>
        database.CreateSource($"{ApplicationName}/{use}", settings =>
        {
            settings.MaxPoolSize = connections;
            settings.MinPoolSize = 0;
            settings.ConnectionIdleLifetime = 60;
            settings.Timeout = Math.Max(1, (int)Math.Ceiling(patience.TotalSeconds * 2));
            settings.CommandTimeout = patience == TimeSpan.Zero ? 0 : settings.Timeout;

            // The server gives up as well, so that nothing of a lost connection goes on for long.
            var milliseconds = ((long)patience.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            settings.Options = string.Join(' ', new[]
            {
                settings.Options,
                $"-c statement_timeout={milliseconds}",
                $"-c lock_timeout={milliseconds}",
                $"-c idle_in_transaction_session_timeout={milliseconds}",
            }.Where(static option => !string.IsNullOrEmpty(option)));
        });

    private static async ValueTask<ClusterTable> ReadAsync(
        NpgsqlConnection connection, Known known, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(ClusterSql.ReadVersion),
                new(ClusterSql.ReadNodes),
                new(ClusterSql.ReadShards) { Parameters = { new() { Value = known.Version } } },
            },
        };
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        _ = await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        var (cluster, version) = (rows.GetString(0), rows.GetInt64(1));
        _ = await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var nodes = ImmutableArray.CreateBuilder<NodeRow>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            nodes.Add(ReadNode(rows));
        }

        _ = await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var shards = ImmutableArray.CreateBuilder<ShardRow>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            shards.Add(ReadShard(rows));
        }

        return new ClusterTable(
            cluster, version, nodes.ToImmutable(), version == known.Version ? known.Shards : shards.ToImmutable());
    }

    private static NodeRow ReadNode(NpgsqlDataReader row) => new(
        new NodeId(row.GetInt32(0)), row.GetString(1), new Incarnation(row.GetInt64(2)), row.GetString(3),
        (NodeState)row.GetInt16(4), Left(row.GetDouble(5)), row.GetString(6), row.GetInt32(7));

    private static ShardRow ReadShard(NpgsqlDataReader row) => new(
        new ShardId(row.GetInt16(0), row.GetInt16(1)),
        row.IsDBNull(2) ? null : new NodePeer(new NodeId(row.GetInt32(2)), new Incarnation(row.GetInt64(3))),
        row.GetInt64(4));

    private static Place ReadPeer(NpgsqlDataReader row) =>
        new(new NodeId(row.GetInt32(0)), new Incarnation(row.GetInt64(1)));

    /// <summary>A node that is down for years is as dead as one that is for a day.</summary>
    private static TimeSpan Left(double seconds) => TimeSpan.FromSeconds(Math.Clamp(seconds, -86_400, 86_400));

    private static object[] Columns(IEnumerable<(ShardId Shard, NodePeer To)> moves)
    {
        var all = moves.ToArray();
        return
        [
            Array.ConvertAll(all, static move => move.Shard.Cell),
            Array.ConvertAll(all, static move => move.Shard.Number),
            Array.ConvertAll(all, static move => move.To.Id.Value),
            Array.ConvertAll(all, static move => move.To.Incarnation.Value),
        ];
    }

    private void RaiseChanged() => Changed?.Invoke();

    private async Task<string> RefusalAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection =
                await _changes.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var command = Sql.Of(connection, ClusterSql.Holder, name);
            await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            return await row.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"A node named {name} is alive at {row.GetString(0)}, its lease ends in {row.GetDouble(1):0.0} s.")
                : $"A node named {name} joined at the same moment.";
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    /// <summary>False: it is not dead.</summary>
    private async Task<bool> EndBackendsAsync(NodePeer dead, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection =
                await _changes.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            if (!await Sql.ScalarAsync<bool>(
                connection, ClusterSql.IsDead, cancellationToken, dead.Id.Value, dead.Incarnation.Value)
                .ConfigureAwait(false))
            {
                return false;
            }

            _ = await Sql.RunAsync(
                connection, ClusterSql.EndBackends, cancellationToken, PostgresMailStore.ApplicationName(dead))
                .ConfigureAwait(false);
            return true;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    /// <summary>The change, or, when it changed nothing, whether what it wants is so already.</summary>
    private Task<bool> ChangeOrAskAsync(
        string change, string ask, object[] values, CancellationToken cancellationToken)
    {
        var isChanged = false;
        return ChangeAsync(
            async transaction =>
            {
                isChanged = await transaction.RunAsync(change, values).ConfigureAwait(false) > 0;
                return isChanged || await transaction.AskAsync(ask, values).ConfigureAwait(false);
            },
            _ => isChanged,
            cancellationToken);
    }

    /// <param name="isChange">Otherwise nothing is kept and nobody told.</param>
    /// <param name="locked">Its commits are waited for first.</param>
    private async Task<T> ChangeAsync<T>(
        Func<ClusterChange, ValueTask<T>> change, Func<T, bool> isChange, CancellationToken cancellationToken,
        NodeId? locked = null)
    {
        try
        {
            await using var connection =
                await _changes.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(
                IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
            var statements = new ClusterChange(connection, cancellationToken);
            await statements.BeginAsync(locked).ConfigureAwait(false);
            var answer = await change(statements).ConfigureAwait(false);
            if (isChange(answer))
            {
                _ = await statements.RunAsync(ClusterSql.Notify).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await transaction.RollbackAsync(cancellationToken).ConfigureAwait(false);
            }

            return answer;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    private sealed record Known(long Version, ImmutableArray<ShardRow> Shards)
    {
        public static readonly Known Nothing = new(-1, []);
    }

    private sealed record Place(NodeId Id, Incarnation Incarnation);
}
