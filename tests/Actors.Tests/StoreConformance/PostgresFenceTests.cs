using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.Postgres;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>A node writes only what is its own, under the epoch under which it decided (I3).</summary>
public sealed class PostgresFenceTests : IAsyncLifetime
{
    private readonly PostgresEngine _engine = new()
    {
        Configure = options => options with { CommitConnections = 1 },
    };

    private PostgresMailStore _store = null!;

    public async ValueTask InitializeAsync() => _store = await _engine.OpenPostgresAsync(TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _engine.Dispose();
    }

    [Fact]
    public async Task Only_the_units_of_a_shard_that_has_gone_fail_and_the_rest_of_the_batch_commits()
    {
        var (alice, bob) = await UsersInTwoShardsAsync();
        await OwnAllAsync(epoch: 7);
        await ExecuteAsync($"UPDATE shard SET epoch = 8 WHERE number = {Text(alice.Shard)}");
        var holder = new CommitUnit(2);
        Assert.True(holder.Contribute(_store.Committer, null, _store.Body("holds the batch together")));
        var mails = new List<(MailboxId Mailbox, Task<CommitOutcome> Outcome)>();
        for (var number = 1; number <= 10; number++)
        {
            foreach (var mailbox in (MailboxId[])[alice, bob])
            {
                mails.Add((mailbox, CommitAsync(mailbox, number, 7)));
            }
        }

        Assert.True(holder.Contribute(_store.Committer, null));
        foreach (var (mailbox, outcome) in mails)
        {
            Assert.Equal(mailbox == alice ? CommitOutcome.StoreFailed : CommitOutcome.Committed, await outcome);
        }

        Assert.Equal(CommitOutcome.Committed, await holder.Completion);
        Assert.Empty(await _store.NumbersAsync(alice));
        Assert.Equal(10, (await _store.NumbersAsync(bob)).Length);
        Assert.Null(_store.Fault);
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(alice, 11, 8));
    }

    [Theory]
    [InlineData("owner = NULL")]
    [InlineData("owner = owner + 1")]
    [InlineData("incarnation = incarnation + 1")]
    [InlineData("epoch = epoch - 1")]
    public async Task A_shard_that_is_another_s_is_not_written(string change)
    {
        var (alice, _) = await UsersInTwoShardsAsync();
        await OwnAllAsync(epoch: 7);
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(alice, 1, 7));

        await ExecuteAsync($"UPDATE shard SET {change}");

        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(alice, 2, 7));
        Assert.Equal((long[])[1], await _store.NumbersAsync(alice));
    }

    [Theory]
    [InlineData("incarnation = incarnation + 1")]
    [InlineData("state = 3")]
    public async Task A_start_of_a_node_that_has_lost_its_place_writes_nothing_any_more(string change)
    {
        var (alice, bob) = await UsersInTwoShardsAsync();
        await OwnAllAsync(epoch: 7);

        await ExecuteAsync($"UPDATE node SET {change}");

        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(alice, 1, 7));
        Assert.Contains("place", _store.Fault, StringComparison.Ordinal);
        await ExecuteAsync("UPDATE node SET state = 1, incarnation = incarnation - 1");
        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(bob, 1, 7));
        Assert.Empty(await _store.NumbersAsync(alice));
    }

    [Fact]
    public async Task A_commit_that_waited_for_a_claimer_sees_what_the_claimer_did()
    {
        var (alice, _) = await UsersInTwoShardsAsync();
        await OwnAllAsync(epoch: 7);
        var node = _engine.Node.Id.Value;
        await using var source = NpgsqlDataSource.Create(await _engine.ConnectionAsync());
        await using var claimer = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var claim = await claimer.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var take = new NpgsqlCommand("SELECT pg_advisory_xact_lock(1296651591, $1)", claimer))
        {
            take.Parameters.Add(new NpgsqlParameter { Value = node });
            await take.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var late = CommitAsync(alice, 1, 7);
        await WaitAsync(async () => 1L == (long)(await _engine.ExecuteAsync(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            + "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))!);
        Assert.False(late.IsCompleted);
        await using (var move = new NpgsqlCommand("UPDATE shard SET epoch = epoch + 1, owner = NULL", claimer))
        {
            await move.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await claim.CommitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(CommitOutcome.StoreFailed, await late);
        Assert.Empty(await _store.NumbersAsync(alice));
    }

    [Fact]
    public async Task A_node_that_joined_anew_writes_under_its_new_start_and_what_it_decided_before_is_refused()
    {
        var (alice, bob) = await UsersInTwoShardsAsync();
        await OwnAllAsync(epoch: 7);
        await ExecuteAsync("UPDATE node SET state = 3");
        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(alice, 1, 7));
        var anew = await _engine.JoinAsync("a");
        await ExecuteAsync(
            $"UPDATE shard SET incarnation = {Text(anew.Incarnation.Value)}, epoch = 8 WHERE number <> {Text(bob.Shard)}");

        await _store.TakeAsync(anew);
        await _store.TakeAsync(anew);

        Assert.Null(_store.Fault);
        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(alice, 2, 7));
        Assert.Equal(CommitOutcome.StoreFailed, await CommitAsync(bob, 1, 7));
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(alice, 3, 8));
        Assert.Equal((long[])[3], await _store.NumbersAsync(alice));
        Assert.Equal(0L, await _engine.ExecuteAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%commit_token%' AND pid <> pg_backend_pid() "
            + $"AND datname = current_database() AND application_name <> '{PostgresMailStore.ApplicationName(anew)}'"));
    }

    internal static async Task WaitAsync(Func<Task<bool>> condition)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            _ = await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task<(MailboxId Alice, MailboxId Bob)> UsersInTwoShardsAsync()
    {
        var alice = await _store.AddUserAsync("alice");
        var bob = await _store.AddUserAsync("bob");
        Assert.NotEqual(alice.Shard, bob.Shard);
        return (alice, bob);
    }

    private Task<object?> OwnAllAsync(long epoch) => ExecuteAsync(
        $"UPDATE shard SET owner = {Text(_engine.Node.Id.Value)}, "
        + $"incarnation = {Text(_engine.Node.Incarnation.Value)}, epoch = {Text(epoch)}");

    private Task<object?> ExecuteAsync(string statement) => _engine.ExecuteAsync(statement);

    private Task<CommitOutcome> CommitAsync(MailboxId mailbox, long number, long epoch)
    {
        var body = _store.Body("x");
        var unit = new CommitUnit(1, body);
        unit.Guard(new ShardEpoch(ShardId.Of(mailbox), epoch));
        Assert.True(unit.Contribute(_store.Committer, null, StoreSteps.Message(mailbox, number, body)));
        return unit.Completion;
    }
}
