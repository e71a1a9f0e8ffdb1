using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage;
using MailCluster.Storage.Postgres;
using MailCluster.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>
/// A database that was set back, by a restored dump or by a standby that was behind: no node goes on with it by itself
/// (I4).
/// </summary>
public sealed class PostgresHistoryTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("mailcluster-history-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_restored_dump_is_refused_until_the_restore_is_accepted_and_then_no_id_comes_again()
    {
        using var engine = new PostgresEngine();
        var connection = await engine.ConnectionAsync();
        var name = new NpgsqlConnectionStringBuilder(connection).Database!;
        MailboxId alice;
        await using (var store = await OpenAsync(engine))
        {
            alice = await store.AddUserAsync();
            await store.DeliverAsync(alice, MessageNumber.First, uid: 1);
        }

        var dump = engine.Server.Dump(name);
        var given = MessageNumber.After(new(MessageNumber.First), TimeProvider.System.GetUtcNow()).Value;
        await using (var store = await OpenAsync(engine))
        {
            await store.DeliverAsync(alice, given, uid: 2);
        }

        // Another start, and nothing is missing.
        await (await OpenAsync(engine)).DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        await engine.Server.RestoreAsync(name, dump);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => CheckAsync(connection));
        Assert.Contains("mailcluster store accept-restore", refused.Message, StringComparison.Ordinal);
        Assert.Contains("lost commits", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(PostgresServer.Password, refused.Message, StringComparison.Ordinal);

        // As in the dump, the node is up and its lease runs.
        var alive = await Assert.ThrowsAsync<StoreOpenException>(() => AcceptAsync(connection));
        Assert.Contains("Nodes are alive: a.", alive.Message, StringComparison.Ordinal);
        await engine.ExecuteAsync("UPDATE node SET lease_until = clock_timestamp()");
        await engine.ExecuteAsync("UPDATE shard SET owner = 1, incarnation = 1, epoch = 5");
        Assert.Equal(2, await AcceptAsync(connection));

        Assert.Equal(0L, await engine.ExecuteAsync("SELECT count(*) FROM shard WHERE owner IS NOT NULL OR epoch <> 6"));
        Assert.Equal(0L, await engine.ExecuteAsync("SELECT count(*) FROM node WHERE state <> 3"));
        await using var after = await OpenAsync(engine);
        var image = (await after.Mailboxes.LoadAsync(alice, Token))!;
        Assert.True(image.LastNumber.Value > given, $"{image.LastNumber.Value} <= {given}");
        Assert.True(image.Folders[0].UidValidity.Value > 1);
        Assert.True(engine.Node.Incarnation.Value > 1_000_000);
        Assert.Equal((long[])[MessageNumber.First], await after.NumbersAsync(alice));
        await after.DeliverAsync(
            alice, MessageNumber.After(image.LastNumber, TimeProvider.System.GetUtcNow()).Value, uid: 2,
            modSeq: image.ModSeq.Value + 1);
    }

    [Fact]
    public async Task Another_database_is_refused_and_so_is_one_that_does_not_know_the_node()
    {
        using var engine = new PostgresEngine();
        using var other = new PostgresEngine();
        await (await OpenAsync(engine)).DisposeAsync();

        // Both are copies of one template; a database that somebody made has an identity of its own.
        await other.ExecuteAsync("UPDATE history SET id = 'ffffffffffffffffffffffffffffffff'");
        var connection = await other.ConnectionAsync();
        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => CheckAsync(connection));
        Assert.Contains("another one", refused.Message, StringComparison.Ordinal);

        await engine.ExecuteAsync("DELETE FROM node");
        connection = await engine.ConnectionAsync();
        refused = await Assert.ThrowsAsync<StoreOpenException>(() => CheckAsync(connection));
        Assert.Contains("lost commits", refused.Message, StringComparison.Ordinal);

        // Accepted at one database or the other: what the directory remembers is of the past.
        await other.ExecuteAsync("UPDATE node SET lease_until = clock_timestamp()");
        _ = await AcceptAsync(await other.ConnectionAsync());
        _ = await CheckAsync(await other.ConnectionAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_standby_that_takes_over_is_refused_unless_it_has_every_commit(bool isSynchronous)
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var primary = new PostgresServer();
        using var standby = primary.NewStandby(isSynchronous);
        using var engine = new PostgresEngine(primary);
        engine.Route = connection => new NpgsqlConnectionStringBuilder(connection)
        {
            Host = $"127.0.0.1:{primary.Port},127.0.0.1:{standby.Port}",
        }.ConnectionString;
        var store = await OpenAsync(engine);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, MessageNumber.First, uid: 1);
        if (!isSynchronous)
        {
            await PostgresFenceTests.WaitAsync(async () => await primary.ExecuteAsync(
                "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()") is 1L);
            standby.Stop();
            await store.DeliverAsync(alice, MessageNumber.First + 1, uid: 2);
        }

        primary.Kill();
        if (!isSynchronous)
        {
            standby.Start();
        }

        standby.Promote();

        if (isSynchronous)
        {
            await PostgresFenceTests.WaitAsync(async () => await store.CommitAsync() == CommitOutcome.Committed);
            Assert.Equal(CommitOutcome.Committed, await TryAsync(store, alice, MessageNumber.First + 1));
            Assert.Null(store.Fault);
        }
        else
        {
            await PostgresFenceTests.WaitAsync(async () =>
                await TryAsync(store, alice, MessageNumber.First + 5) == CommitOutcome.StoreFailed
                && store.Fault is { } fault && fault.Contains("accept-restore", StringComparison.Ordinal));
            Assert.True(store.IsAway);
        }

        await store.DisposeAsync();
        var connection = engine.Route(await engine.ConnectionAsync());
        if (isSynchronous)
        {
            _ = await CheckAsync(connection);
        }
        else
        {
            var refused = await Assert.ThrowsAsync<StoreOpenException>(() => CheckAsync(connection));
            Assert.Contains("lost commits", refused.Message, StringComparison.Ordinal);
        }
    }

    private static async Task<CommitOutcome> TryAsync(IMailStore store, MailboxId mailbox, long number)
    {
        var body = store.Body("x");
        return await store.CommitAsync(body, StoreSteps.Message(mailbox, number, body, 2, number + 1));
    }

    private async Task<PostgresMailStore> OpenAsync(PostgresEngine engine)
    {
        var history = await CheckAsync(engine.Route(await engine.ConnectionAsync()));
        var store = await engine.OpenPostgresAsync(TimeProvider.System);
        store.Remember(history);
        return store;
    }

    private async Task<PostgresHistory> CheckAsync(string connection)
    {
        var database = await PostgresDatabase.OpenAsync(
            connection, TimeProvider.System, NullLoggerFactory.Instance, Token);
        return await PostgresHistory.CheckAsync(database, "a", _directory, NullLoggerFactory.Instance, Token);
    }

    private Task<long> AcceptAsync(string connection) =>
        PostgresHistory.AcceptAsync(connection, _directory, TimeProvider.System, Token);
}
