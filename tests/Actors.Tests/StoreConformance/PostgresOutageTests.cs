using System.Text;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage.Postgres;
using MailCluster.Testing;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>Lost answers, dead servers: no unit is told what is not so (I1, I2).</summary>
public sealed class PostgresOutageTests
{
    private const string Mark = "the mark of the one message";

    public static TheoryData<ProxyLoss> Losses => [ProxyLoss.Answer, ProxyLoss.Request];

    [Theory]
    [MemberData(nameof(Losses))]
    public async Task A_commit_whose_answer_was_lost_is_found_or_written_again_and_never_twice(ProxyLoss loss)
    {
        using var engine = new PostgresEngine { Configure = options => options with { CommitConnections = 1 } };
        using var proxy = new LossyProxy(engine.Server.Port);
        engine.Route = connection => Through(connection, proxy.Port);
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, 1);

        proxy.Lose(Encoding.ASCII.GetBytes(Mark), loss);
        var others = Enumerable.Range(3, 20).Select(number => DeliverAsync(store, alice, number)).ToList();
        await Task.WhenAll(others);
        Assert.Equal(CommitOutcome.Committed, await DeliverAsync(store, alice, 100, Mark));

        Assert.Equal(1, proxy.Losses);
        Assert.Equal(CommitOutcome.Committed, await DeliverAsync(store, alice, 101));
        Assert.Equal(1, (await store.NumbersAsync(alice)).Count(number => number == 100));
        Assert.Equal(1L, await engine.ExecuteAsync(
            "SELECT count(*) FROM message WHERE number = 100"));
        Assert.Null(store.Fault);
    }

    [Fact]
    public async Task A_unit_whose_outcome_nobody_knows_is_not_answered_before_the_database_tells()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var server = new PostgresServer();
        using var engine = new PostgresEngine(server)
        {
            Configure = options => options with { CommitConnections = 1 },
        };
        using var proxy = new LossyProxy(server.Port);
        engine.Route = connection => Through(connection, proxy.Port);
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        using var killed = new SemaphoreSlim(0);
        proxy.Lose(Encoding.ASCII.GetBytes(Mark), ProxyLoss.Answer, () =>
        {
            server.Kill();
            killed.Release();
        });

        var unknown = DeliverAsync(store, alice, 1, Mark);
        await killed.WaitAsync(TestContext.Current.CancellationToken);
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(store.IsAway));
        Assert.False(unknown.IsCompleted);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.NumbersAsync(alice));
        Assert.NotNull(store.Fault);
        server.Start();

        Assert.Equal(CommitOutcome.Committed, await unknown);
        Assert.Equal((long[])[1], await RetryAsync(() => store.NumbersAsync(alice)));
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(store.Fault is null && !store.IsAway));
    }

    [Fact]
    public async Task Under_load_a_killed_server_loses_nothing_that_was_committed_and_nothing_comes_twice()
    {
        const int senders = 12;
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var server = new PostgresServer();
        using var engine = new PostgresEngine(server);
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var users = new List<MailboxId>();
        for (var user = 0; user < senders; user++)
        {
            users.Add(await store.AddUserAsync($"user{user}"));
        }

        using var stop = new CancellationTokenSource();
        var total = 0;
        var failed = 0;
        var loads = users.Select(user => Task.Run(async () =>
        {
            var committed = new List<long>();
            for (var number = 1; !stop.IsCancellationRequested; number++)
            {
                var outcome = await DeliverAsync(store, user, number);
                Assert.True(outcome is CommitOutcome.Committed or CommitOutcome.StoreFailed, outcome.ToString());
                if (outcome == CommitOutcome.Committed)
                {
                    committed.Add(number);
                    Interlocked.Increment(ref total);
                }
                else
                {
                    Interlocked.Increment(ref failed);
                    await PostgresFenceTests.WaitAsync(() => Task.FromResult(!store.IsAway));
                }
            }

            return committed;
        })).ToList();
        for (var round = 1; round <= 3; round++)
        {
            var goal = Volatile.Read(ref total) + 300;
            await PostgresFenceTests.WaitAsync(() => Task.FromResult(Volatile.Read(ref total) >= goal));
            server.Kill();
            server.Start();
        }

        var last = Volatile.Read(ref total) + 100;
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(Volatile.Read(ref total) >= last));
        await stop.CancelAsync();
        for (var user = 0; user < senders; user++)
        {
            var committed = await loads[user];
            Assert.Equal(committed, await RetryAsync(() => store.NumbersAsync(users[user])));
        }
    }

    [Fact]
    public async Task A_database_that_is_silent_fails_units_and_reads_and_recovers()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var server = new PostgresServer();
        using var engine = new PostgresEngine(server)
        {
            Configure = options => options with { Silence = TimeSpan.FromSeconds(1) },
        };
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, 1);

        server.Pause();
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(store.IsAway));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.NumbersAsync(alice));
        var during = DeliverAsync(store, alice, 2);
        Assert.Equal(CommitOutcome.StoreFailed, await during);
        server.Resume();

        await PostgresFenceTests.WaitAsync(() => Task.FromResult(!store.IsAway));
        Assert.Equal(CommitOutcome.Committed, await DeliverAsync(store, alice, 3));
        Assert.Equal((long[])[1, 3], await RetryAsync(() => store.NumbersAsync(alice)));
    }

    [Fact]
    public async Task A_full_disk_fails_what_needs_room_as_out_of_space_and_ends_with_its_cause()
    {
        using var engine = new PostgresEngine();
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        await engine.ExecuteAsync(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
            + "ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END $$; "
            + "CREATE TRIGGER full_disk BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION full_disk()");

        Assert.Equal(
            (CommitOutcome.OutOfSpace, ""), (await DeliverAsync(store, alice, 1), Refusals(engine)));
        Assert.Equal(
            (CommitOutcome.OutOfSpace, ""), (await DeliverAsync(store, alice, 2), Refusals(engine)));
        await engine.ExecuteAsync("DROP TRIGGER full_disk ON message");

        Assert.Equal(CommitOutcome.Committed, await DeliverAsync(store, alice, 3));
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(store.Fault is null));
        Assert.False(store.IsAway);
    }

    [Fact]
    public async Task A_unit_that_cannot_be_sent_is_refused_alone()
    {
        using var engine = new PostgresEngine { Configure = options => options with { CommitConnections = 1 } };
        await using var store = await engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        var holder = new CommitUnit(2);
        Assert.True(holder.Contribute(store.Committer, null, store.Body("holds the batch together")));
        var body = store.Body("x");
        var half = "half of a character: \ud800";
        var poisoned = store.CommitAsync(
            body, StoreSteps.Message(alice, 2, body) with { ForeignUniqueId = half });
        var nothing = store.CommitAsync(new StoreOperation.RecordImport(alice, "a\0b"));
        var good = DeliverAsync(store, alice, 3);
        Assert.True(holder.Contribute(store.Committer, null));

        Assert.Equal(CommitOutcome.Refused, await poisoned);
        Assert.Equal(CommitOutcome.Refused, await nothing);
        Assert.Equal(CommitOutcome.Committed, await good);
        Assert.Equal(CommitOutcome.Committed, await holder.Completion);
        Assert.Null(store.Fault);
    }

    private static string Refusals(PostgresEngine engine) =>
        string.Join(
            '\n',
            engine.Log.ToString().Split('\n').Where(line => line.Contains("refused", StringComparison.Ordinal)));

    private static string Through(string connection, int port) =>
        new NpgsqlConnectionStringBuilder(connection) { Port = port }.ConnectionString;

    private static async Task<T> RetryAsync<T>(Func<Task<T>> read)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                return await read();
            }
            catch (StoreUnavailableException)
            {
                _ = await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }
        }
    }

    private static Task<CommitOutcome> DeliverAsync(
        PostgresMailStore store, MailboxId mailbox, long number, string text = "x")
    {
        var body = store.Body(text);
        return store.CommitAsync(body, StoreSteps.Message(mailbox, number, body));
    }
}
