using System.Collections.Immutable;
using System.Globalization;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>
/// Nodes, leases and shards in PostgreSQL. A lease is renewed on a connection that does nothing else; every other call
/// takes one of a few.
/// </summary>
public sealed class PostgresClusterStore : IClusterStore, IAsyncDisposable
{
    private const int ConnectionsMax = 4;

    /// <summary>Locks that a claimer waits for are held for a commit's time; longer is somebody's fault.</summary>
    private const string LockTimeout = "SET LOCAL lock_timeout = '2s'";

    private readonly NpgsqlDataSource _leases;
    private readonly NpgsqlDataSource _source;
    private readonly ClusterFeed _feed;

    public PostgresClusterStore(PostgresDatabase database, TimeProvider time, ILoggerFactory log)
    {
        _leases = database.CreateSource("mailcluster/lease", settings => Limit(settings, 1));
        _source = database.CreateSource("mailcluster/cluster", settings => Limit(settings, ConnectionsMax));
        _feed = new ClusterFeed(_source, () => Changed?.Invoke(), time, log.CreateLogger("MailCluster.Cluster"));
    }

    public event Action? Changed;

    public Task<JoinAnswer> JoinAsync(
        NodeRegistration node, TimeSpan lease, CancellationToken cancellationToken) =>
        ChangeAsync(async connection =>
        {
            _ = await Sql.RunAsync(connection, ClusterSql.LockJoins, cancellationToken).ConfigureAwait(false);
            var found = await Sql.ListAsync(
                connection,
                ClusterSql.FindName,
                row => (Address: row.GetString(2), Left: row.GetDouble(3), State: row.GetInt16(4)),
                cancellationToken,
                node.Name).ConfigureAwait(false);
            if (found is [var other] && other.Left > 0 && (NodeState)other.State != NodeState.Down)
            {
                return new JoinAnswer(null, string.Create(CultureInfo.InvariantCulture,
                    $"A node {node.Name} at {other.Address} has a lease for another {other.Left:0.0} s."));
            }

            var peer = (await Sql.ListAsync(
                connection, ClusterSql.Join, ReadPeer, cancellationToken,
                node.Name, node.Address, lease, node.Version, node.WireVersion).ConfigureAwait(false))[0];
            _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            return new JoinAnswer(peer, null);
        }, cancellationToken);

    public async Task<RenewAnswer> RenewAsync(NodePeer self, TimeSpan lease, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _leases.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            return await Sql.RunAsync(
                connection, ClusterSql.Renew, cancellationToken, self.Id.Value, self.Incarnation.Value, lease)
                .ConfigureAwait(false) == 1 ? RenewAnswer.Renewed : RenewAnswer.Lost;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    public async Task<ClusterTable> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection
                .BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken)
                .ConfigureAwait(false);
            await using var batch = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands = { new(ClusterSql.Version), new(ClusterSql.Nodes), new(ClusterSql.Shards) },
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

            return new ClusterTable(cluster, version, nodes.ToImmutable(), shards.ToImmutable());
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    public Task<bool> SetStateAsync(NodePeer self, NodeState state, CancellationToken cancellationToken) =>
        ChangeAsync(async connection =>
        {
            var isSet = await Sql.RunAsync(
                connection, ClusterSql.SetState, cancellationToken, self.Id.Value, self.Incarnation.Value, (short)state)
                .ConfigureAwait(false) == 1;
            if (isSet)
            {
                _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            }

            return isSet;
        }, cancellationToken);

    public async Task<bool> ClaimAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken)
    {
        await EndBackendsAsync(dead, cancellationToken).ConfigureAwait(false);
        return await ChangeAsync(async connection =>
        {
            _ = await Sql.RunAsync(connection, LockTimeout, cancellationToken).ConfigureAwait(false);
            _ = await Sql.RunAsync(connection, ClusterSql.LockNode, cancellationToken, dead.Id.Value)
                .ConfigureAwait(false);
            var isDown = await Sql.RunAsync(
                connection, ClusterSql.SetDown, cancellationToken, dead.Id.Value, dead.Incarnation.Value)
                .ConfigureAwait(false) == 1
                || await Sql.ScalarAsync<long>(
                    connection, ClusterSql.IsSuperseded, cancellationToken, dead.Id.Value, dead.Incarnation.Value)
                    .ConfigureAwait(false) == 1;
            if (!isDown)
            {
                return false;
            }

            _ = await Sql.RunAsync(
                connection, ClusterSql.Move, cancellationToken, dead.Id.Value, dead.Incarnation.Value, Cells(to),
                Numbers(to), Owners(to), Incarnations(to)).ConfigureAwait(false);
            _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            return true;
        }, cancellationToken).ConfigureAwait(false);
    }

    public Task<int> AssignAsync(
        NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        ChangeAsync(async connection =>
        {
            var assigned = await Sql.RunAsync(
                connection, ClusterSql.Assign, cancellationToken, Cells(to), Numbers(to), Owners(to), Incarnations(to))
                .ConfigureAwait(false);
            if (assigned > 0)
            {
                _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            }

            return assigned;
        }, cancellationToken);

    public Task<ImmutableArray<ShardRow>> HandOverAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        ChangeAsync(async connection =>
        {
            ImmutableArray<(ShardId Shard, NodePeer To)> targets =
                [.. to.Select(move => (move.Shard.Shard, move.To))];
            _ = await Sql.RunAsync(connection, LockTimeout, cancellationToken).ConfigureAwait(false);
            _ = await Sql.RunAsync(connection, ClusterSql.LockNode, cancellationToken, self.Id.Value)
                .ConfigureAwait(false);
            var moved = await Sql.ListAsync(
                connection, ClusterSql.HandOver, ReadShard, cancellationToken, self.Id.Value, self.Incarnation.Value,
                Cells(targets), Numbers(targets), Owners(targets), Incarnations(targets),
                to.Select(move => move.Shard.Epoch).ToArray()).ConfigureAwait(false);
            if (!moved.IsEmpty)
            {
                _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            }

            return moved;
        }, cancellationToken);

    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        ChangeAsync(async connection =>
        {
            var isAsked = await Sql.RunAsync(connection, ClusterSql.RequestDrain, cancellationToken, name)
                .ConfigureAwait(false) == 1;
            if (isAsked)
            {
                _ = await Sql.RunAsync(connection, ClusterSql.Changed, cancellationToken).ConfigureAwait(false);
            }

            return isAsked;
        }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _feed.DisposeAsync().ConfigureAwait(false);
        await _leases.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    private static void Limit(NpgsqlConnectionStringBuilder settings, int connections)
    {
        settings.MinPoolSize = 0;
        settings.MaxPoolSize = connections;
        settings.Timeout = 2;
        settings.CommandTimeout = 2;
    }

    private static int[] Cells(ImmutableArray<(ShardId Shard, NodePeer To)> to) =>
        [.. to.Select(move => move.Shard.Cell)];

    private static int[] Numbers(ImmutableArray<(ShardId Shard, NodePeer To)> to) =>
        [.. to.Select(move => move.Shard.Number)];

    private static int[] Owners(ImmutableArray<(ShardId Shard, NodePeer To)> to) =>
        [.. to.Select(move => move.To.Id.Value)];

    private static long[] Incarnations(ImmutableArray<(ShardId Shard, NodePeer To)> to) =>
        [.. to.Select(move => move.To.Incarnation.Value)];

    private static NodePeer ReadPeer(NpgsqlDataReader row) =>
        new(new NodeId(row.GetInt32(0)), new Incarnation(row.GetInt64(1)));

    private static NodeRow ReadNode(NpgsqlDataReader row) => new(
        new NodeId(row.GetInt32(0)),
        row.GetString(1),
        new Incarnation(row.GetInt64(2)),
        row.GetString(3),
        (NodeState)row.GetInt16(4),
        TimeSpan.FromSeconds(row.GetDouble(5)),
        row.GetString(6),
        row.GetInt32(7));

    private static ShardRow ReadShard(NpgsqlDataReader row) => new(
        new ShardId(row.GetInt16(0), row.GetInt16(1)),
        row.IsDBNull(2) ? null : new NodePeer(new NodeId(row.GetInt32(2)), new Incarnation(row.GetInt64(3))),
        row.GetInt64(4));

    /// <summary>
    /// Best effort and outside of the claim's transaction: a backend that is stopped with the lock in its hands goes,
    /// one that is not ours to end keeps the claim waiting until the lock's time-out.
    /// </summary>
    private async Task EndBackendsAsync(NodePeer dead, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            _ = await Sql.RunAsync(
                connection, ClusterSql.EndBackends, cancellationToken, PostgresMailStore.ApplicationName(dead))
                .ConfigureAwait(false);
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }

    private async Task<T> ChangeAsync<T>(Func<NpgsqlConnection, Task<T>> change, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken)
                .ConfigureAwait(false);
            var answer = await change(connection).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return answer;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
    }
}
