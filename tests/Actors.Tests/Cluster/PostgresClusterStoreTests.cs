using System.Globalization;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.Postgres;
using MailCluster.Storage.Postgres.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Each sentence of the cluster's design on a real server. Time is set in the table, never waited for.
/// </summary>
public sealed class PostgresClusterStoreTests : IAsyncLifetime
{
    private const string Waits =
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        + "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted "
        + "AND l.classid = 1296651591)";

    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(10);
    private static readonly CancellationToken s_none = CancellationToken.None;

    private readonly PostgresEngine _engine = new();
    private readonly List<PostgresClusterStore> _stores = [];
    private PostgresDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await PostgresDatabase.OpenAsync(
        await _engine.ConnectionAsync(), TimeProvider.System, NullLoggerFactory.Instance, s_none);

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        _engine.Dispose();
    }

    [Fact]
    public async Task A_lease_is_counted_on_the_databases_clock_from_when_it_is_renewed()
    {
        var store = Connect();
        var node = await JoinAsync(store, "a");
        Assert.InRange((await RowAsync(store, node)).LeaseLeft, TimeSpan.FromMilliseconds(1), s_lease);
        await ExpireAsync(node);
        Assert.InRange(
            (await RowAsync(store, node)).LeaseLeft, TimeSpan.FromHours(-3), TimeSpan.FromSeconds(-1));
        Assert.Equal(RenewAnswer.Renewed, await store.RenewAsync(node, s_lease, s_none));
        Assert.InRange((await RowAsync(store, node)).LeaseLeft, TimeSpan.FromMilliseconds(1), s_lease);
    }

    [Fact]
    public async Task A_row_has_what_the_node_says_of_itself_and_its_state_goes_forward_only()
    {
        var store = Connect();
        var answer = await store.JoinAsync(new("Mail1.Example", "10.0.0.1:7000", "1.2.3", 4), s_lease, s_none);
        var row = await RowAsync(store, answer.Peer!.Value);
        Assert.Equal(
            ("Mail1.Example", "10.0.0.1:7000", "1.2.3", 4, NodeState.Joining),
            (row.Name, row.Address, row.Version, row.WireVersion, row.State));
        Assert.True(await store.SetStateAsync(row.Peer, NodeState.Up, s_none));
        Assert.True(await store.SetStateAsync(row.Peer, NodeState.Draining, s_none));
        Assert.True(await store.SetStateAsync(row.Peer, NodeState.Up, s_none));
        Assert.Equal(NodeState.Draining, (await RowAsync(store, row.Peer)).State);
        Assert.True(await store.SetStateAsync(row.Peer, NodeState.Down, s_none));
        Assert.False(await store.SetStateAsync(row.Peer, NodeState.Up, s_none));
        Assert.Equal(RenewAnswer.Lost, await store.RenewAsync(row.Peer, s_lease, s_none));
    }

    [Fact]
    public async Task A_name_is_refused_while_its_lease_is_alive_and_taken_over_by_a_later_incarnation_after_that()
    {
        var store = Connect();
        var first = await JoinAsync(store, "a");
        var refused = await store.JoinAsync(new("A", "10.0.0.2:7000", "1", 1), s_lease, s_none);
        Assert.Null(refused.Peer);
        Assert.Contains("a:7000", refused.Refusal, StringComparison.Ordinal);
        await ExpireAsync(first);
        var second = await JoinAsync(store, "a");
        Assert.Equal(first.Id, second.Id);
        Assert.True(second.Incarnation.Value > first.Incarnation.Value);
        Assert.Equal(RenewAnswer.Lost, await store.RenewAsync(first, s_lease, s_none));
        Assert.False(await store.SetStateAsync(first, NodeState.Up, s_none));
    }

    [Fact]
    public async Task Of_many_that_join_under_one_name_at_once_one_gets_it()
    {
        var joins = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Connect()).Select(
            store => store.JoinAsync(new("a", "a:7000", "1", 1), s_lease, s_none)));
        Assert.Single(joins, join => join.Peer is not null);
        Assert.Equal(5, joins.Count(join => join.Refusal is not null));
    }

    [Fact]
    public async Task A_node_that_left_may_come_back_at_once()
    {
        var store = Connect();
        var first = await JoinAsync(store, "a");
        Assert.True(await store.SetStateAsync(first, NodeState.Down, s_none));
        Assert.True((await JoinAsync(store, "a")).Incarnation.Value > first.Incarnation.Value);
    }

    [Fact]
    public async Task Shards_without_an_owner_get_one_and_those_that_have_one_are_left()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        var before = await store.ReadAsync(s_none);
        Assert.Equal(1024, before.Shards.Length);
        Assert.All(before.Shards, row => Assert.Equal((null, 0L), (row.Owner, row.Epoch)));
        Assert.Equal(3, await store.AssignAsync(a, [(Shard(0), a), (Shard(1), a), (Shard(2), b)], s_none));
        Assert.Equal(1, await store.AssignAsync(b, [(Shard(0), b), (Shard(3), b)], s_none));
        var after = await store.ReadAsync(s_none);
        Assert.Equal([a, a, b, b], after.Shards.Take(4).Select(row => row.Owner!.Value));
        Assert.All(after.Shards.Take(4), row => Assert.Equal(1, row.Epoch));
        Assert.True(after.Version > before.Version);
        Assert.Equal(after.Shards, (await Connect().ReadAsync(s_none)).Shards);
        Assert.Equal(after.Shards, (await store.ReadAsync(s_none)).Shards);
    }

    [Fact]
    public async Task A_hand_over_moves_what_is_the_owners_under_that_epoch_to_who_is_alive()
    {
        var store = Connect();
        var (a, b, dead) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"), await JoinAsync(store, "c"));
        await ExpireAsync(dead);
        await store.AssignAsync(a, [.. Enumerable.Range(0, 4).Select(n => (Shard(n), a))], s_none);
        await store.AssignAsync(a, [(Shard(4), b)], s_none);
        var rows = await store.HandOverAsync(
            a,
            [
                (new(Shard(0), 1), b), (new(Shard(1), 2), b), (new(Shard(2), 1), dead), (new(Shard(3), 1), a),
                (new(Shard(4), 1), a),
            ],
            s_none);
        Assert.Equal(
            [new ShardRow(Shard(0), b, 2), new ShardRow(Shard(3), a, 2)], rows.OrderBy(row => row.Shard.Number));
        Assert.Empty(await store.HandOverAsync(a, [(new(Shard(0), 1), b), (new(Shard(0), 2), b)], s_none));
        Assert.Equal(
            [b, a, a, a, b], (await store.ReadAsync(s_none)).Shards.Take(5).Select(row => row.Owner!.Value));
    }

    [Fact]
    public async Task A_hand_over_waits_for_the_owners_commit_that_is_under_way()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), a)], s_none);
        await using var commit = await BackendAsync(a);
        await RunAsync(commit, $"BEGIN; SELECT pg_advisory_xact_lock_shared(1296651591, {a.Id.Value})");
        var handOver = store.HandOverAsync(a, [(new(Shard(0), 1), b)], s_none);
        await UntilAsync(Waits);
        Assert.False(handOver.IsCompleted);
        Assert.Equal(a, (await store.ReadAsync(s_none)).Shards[0].Owner);
        await RunAsync(commit, "COMMIT");
        Assert.Single(await handOver);
    }

    [Fact]
    public async Task A_claim_is_refused_while_the_lease_is_alive_and_renewed_leases_are()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), b)], s_none);
        await using var backend = await BackendAsync(b);
        Assert.False(await store.ClaimAsync(a, b, [(Shard(0), a)], s_none));
        await ExpireAsync(b);
        await store.RenewAsync(b, s_lease, s_none);
        Assert.False(await store.ClaimAsync(a, b, [(Shard(0), a)], s_none));
        Assert.Equal(b, (await store.ReadAsync(s_none)).Shards[0].Owner);
        await RunAsync(backend, "SELECT 1");
    }

    [Fact]
    public async Task A_claim_ends_the_dead_ones_backends_sets_it_down_and_moves_all_it_has_with_a_higher_epoch()
    {
        var store = Connect();
        var (a, b, c) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"), await JoinAsync(store, "c"));
        await store.AssignAsync(a, [(Shard(0), b), (Shard(1), b), (Shard(2), b), (Shard(3), c)], s_none);
        await using var backend = await BackendAsync(b);
        await ExpireAsync(b);
        await using var other = await BackendAsync(c);
        var changes = 0;
        var watcher = Connect();
        watcher.Changed += () => Interlocked.Increment(ref changes);
        Assert.True(await store.ClaimAsync(a, b, [(Shard(0), a), (Shard(1), c)], s_none));
        var table = await store.ReadAsync(s_none);
        Assert.Equal([a, c, null, c], table.Shards.Take(4).Select(row => row.Owner));
        Assert.Equal([2, 2, 2, 1], table.Shards.Take(4).Select(row => row.Epoch));
        Assert.Equal(NodeState.Down, table.Nodes.Single(node => node.Id == b.Id).State);
        Assert.Equal(RenewAnswer.Lost, await store.RenewAsync(b, s_lease, s_none));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => RunAsync(backend, "SELECT 1"));
        await RunAsync(other, "SELECT 1");
        Assert.False(await store.ClaimAsync(a, b, [], s_none));
        await PollAsync(() => Volatile.Read(ref changes) > 0);
    }

    [Fact]
    public async Task An_earlier_incarnations_shards_are_claimed_although_the_name_is_alive_again()
    {
        var store = Connect();
        var first = await JoinAsync(store, "a");
        await store.AssignAsync(first, [(Shard(0), first)], s_none);
        await ExpireAsync(first);
        var second = await JoinAsync(store, "a");
        Assert.Equal(first, (await store.ReadAsync(s_none)).Shards[0].Owner);
        Assert.True(await store.ClaimAsync(second, first, [(Shard(0), second)], s_none));
        Assert.Equal(new ShardRow(Shard(0), second, 2), (await store.ReadAsync(s_none)).Shards[0]);
        Assert.Equal(RenewAnswer.Renewed, await store.RenewAsync(second, s_lease, s_none));
    }

    [Fact]
    public async Task Of_many_claimers_at_once_one_wins()
    {
        var store = Connect();
        var dead = await JoinAsync(store, "dead");
        var claimers = new List<(PostgresClusterStore Store, NodePeer Peer)>();
        for (var i = 0; i < 5; i++)
        {
            var own = Connect();
            claimers.Add((own, await JoinAsync(own, $"n{i}")));
        }

        await store.AssignAsync(
            claimers[0].Peer, [.. Enumerable.Range(0, 100).Select(n => (Shard(n), dead))], s_none);
        await ExpireAsync(dead);
        var claims = await Task.WhenAll(claimers.Select(claimer => claimer.Store.ClaimAsync(
            claimer.Peer, dead, [.. Enumerable.Range(0, 100).Select(n => (Shard(n), claimer.Peer))], s_none)));
        Assert.Single(claims, won => won);
        var winner = claimers[Array.IndexOf(claims, true)].Peer;
        Assert.All(
            (await store.ReadAsync(s_none)).Shards.Take(100),
            row => Assert.Equal((winner, 2L), (row.Owner, row.Epoch)));
    }

    [Fact]
    public async Task A_stopped_process_with_an_open_transaction_is_ended_and_writes_nothing_when_it_goes_on()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), b)], s_none);
        await _engine.ExecuteAsync("CREATE TABLE written (what text); GRANT ALL ON written TO mailcluster");
        using var owner = new StoppableClient(
            await _engine.ConnectionAsync(), PostgresMailStore.ApplicationName(b));
        await owner.SayAsync(
            $"BEGIN; SELECT pg_advisory_xact_lock_shared(1296651591, {b.Id.Value}); "
            + "INSERT INTO written VALUES ('late');");
        owner.Stop();
        await ExpireAsync(b);
        Assert.True(await store.ClaimAsync(a, b, [(Shard(0), a)], s_none));
        owner.Continue();
        await owner.EndAsync("COMMIT;");
        Assert.Equal(0L, await _engine.ExecuteAsync("SELECT count(*) FROM written"));
        Assert.Equal(a, (await store.ReadAsync(s_none)).Shards[0].Owner);
    }

    [Fact]
    public async Task A_claim_waits_for_the_dead_ones_commit_that_it_cannot_end()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), b)], s_none);
        await using var commit = await BackendAsync(new NodePeer(b.Id, new(b.Incarnation.Value + 1000)));
        await RunAsync(commit, $"BEGIN; SELECT pg_advisory_xact_lock_shared(1296651591, {b.Id.Value})");
        await ExpireAsync(b);
        var claim = store.ClaimAsync(a, b, [(Shard(0), a)], s_none);
        await UntilAsync(Waits);
        Assert.Equal(b, (await store.ReadAsync(s_none)).Shards[0].Owner);
        await RunAsync(commit, "COMMIT");
        Assert.True(await claim);
    }

    [Fact]
    public async Task A_claim_that_would_wait_for_ever_gives_up_and_says_that_the_store_is_unavailable()
    {
        var store = Connect(TimeSpan.FromSeconds(1));
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await using var commit = await BackendAsync(new NodePeer(b.Id, new(b.Incarnation.Value + 1000)));
        await RunAsync(commit, $"BEGIN; SELECT pg_advisory_xact_lock_shared(1296651591, {b.Id.Value})");
        await ExpireAsync(b);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ClaimAsync(a, b, [], s_none));
        Assert.Equal(NodeState.Joining, (await RowAsync(store, b)).State);
    }

    [Fact]
    public async Task After_a_claim_the_mail_stores_check_refuses_the_dead_incarnation()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), b)], s_none);
        await using var late = await BackendAsync(b);
        await CheckFenceAsync(late, b, new(Shard(0), 1));
        await ExpireAsync(b);
        Assert.True(await store.ClaimAsync(a, b, [(Shard(0), a)], s_none));
        await using var again = await BackendAsync(b);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => CheckFenceAsync(again, b, new(Shard(0), 1)));
        Assert.Equal("MC001", refusal.SqlState);
        await using var home = await BackendAsync(a);
        await CheckFenceAsync(home, a, new(Shard(0), 2));
    }

    [Fact]
    public async Task After_a_hand_over_the_mail_stores_check_refuses_the_old_epoch()
    {
        var store = Connect();
        var (a, b) = (await JoinAsync(store, "a"), await JoinAsync(store, "b"));
        await store.AssignAsync(a, [(Shard(0), a), (Shard(1), a)], s_none);
        await store.HandOverAsync(a, [(new(Shard(0), 1), b)], s_none);
        await using var late = await BackendAsync(a);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => CheckFenceAsync(late, a, new(Shard(0), 1)));
        Assert.Equal("MC002", refusal.SqlState);
        await CheckFenceAsync(late, a, new(Shard(1), 1));
    }

    [Fact]
    public async Task A_drain_is_asked_for_by_name_of_who_is_alive()
    {
        var store = Connect();
        var a = await JoinAsync(store, "a");
        Assert.True(await store.SetStateAsync(a, NodeState.Up, s_none));
        Assert.True(await store.RequestDrainAsync("A", s_none));
        Assert.True(await store.RequestDrainAsync("a", s_none));
        Assert.Equal(NodeState.Draining, (await RowAsync(store, a)).State);
        Assert.False(await store.RequestDrainAsync("b", s_none));
        await ExpireAsync(a);
        Assert.False(await store.RequestDrainAsync("a", s_none));
    }

    [Fact]
    public async Task Changes_are_told_again_after_the_listening_connection_was_broken()
    {
        var store = Connect();
        var changes = 0;
        store.Changed += () => Interlocked.Increment(ref changes);
        await PollAsync(() => Volatile.Read(ref changes) > 0);
        await _engine.ExecuteAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            + "WHERE application_name = 'mailcluster/membership/listen' AND datname = current_database()");
        var before = Volatile.Read(ref changes);
        await PollAsync(() => Volatile.Read(ref changes) > before);
        await UntilAsync(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN mailcluster_cluster%' "
            + "AND datname = current_database())");
        before = Volatile.Read(ref changes);
        await JoinAsync(Connect(), "z");
        await PollAsync(() => Volatile.Read(ref changes) > before);
    }

    private static ShardId Shard(int number) => new(0, number);

    private static async Task RunAsync(NpgsqlConnection connection, string statement)
    {
#pragma warning disable CA2100 // of this test
        await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>As the mail store's batch does, without writes.</summary>
    private static async Task CheckFenceAsync(NpgsqlConnection connection, NodePeer node, ShardEpoch guard)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await RunAsync(connection, $"SELECT pg_advisory_xact_lock_shared(1296651591, {node.Id.Value})");
        await using var check = new NpgsqlCommand(CommitSql.Check, connection);
        foreach (object value in (ReadOnlySpan<object>)
            [
                node.Id.Value, node.Incarnation.Value, new[] { guard.Shard.Cell }, new[] { guard.Shard.Number },
                new[] { guard.Epoch },
            ])
        {
            check.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await check.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    private static async Task PollAsync(Func<bool> condition)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var looks = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!condition())
        {
            await looks.WaitForNextTickAsync(bound.Token);
        }
    }

    private PostgresClusterStore Connect(TimeSpan? lease = null)
    {
        var store = new PostgresClusterStore(
            _database, lease ?? TimeSpan.FromSeconds(60), TimeProvider.System, NullLoggerFactory.Instance);
        _stores.Add(store);
        return store;
    }

    private static async Task<NodePeer> JoinAsync(PostgresClusterStore store, string name)
    {
        var answer = await store.JoinAsync(new(name, $"{name}:7000", "1", 1), s_lease, s_none);
        Assert.Null(answer.Refusal);
        await store.RenewAsync(answer.Peer!.Value, s_lease, s_none);
        return answer.Peer.Value;
    }

    private static async Task<NodeRow> RowAsync(PostgresClusterStore store, NodePeer peer) =>
        (await store.ReadAsync(s_none)).Nodes.Single(node => node.Peer == peer);

    private async Task ExpireAsync(NodePeer peer) => await _engine.ExecuteAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"UPDATE node SET lease_until = clock_timestamp() - interval '2 seconds' WHERE id = {peer.Id.Value}"));

    /// <summary>A connection such as the mail store of that incarnation has.</summary>
    private async Task<NpgsqlConnection> BackendAsync(NodePeer peer)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(await _engine.ConnectionAsync())
        {
            ApplicationName = PostgresMailStore.ApplicationName(peer),
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private async Task UntilAsync(string statement)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var looks = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (await _engine.ExecuteAsync(statement) is not true)
        {
            await looks.WaitForNextTickAsync(bound.Token);
        }
    }
}
