using System.Collections.Concurrent;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage;
using MailCluster.Storage.Postgres;
using MailCluster.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What only a store of several nodes has: lanes, another node's changes, a server to be found.</summary>
public sealed class PostgresStoreTests : IDisposable
{
    private readonly PostgresEngine _engine = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _engine.Dispose();

    [Fact]
    public async Task Units_of_several_lanes_keep_each_mailbox_in_its_order()
    {
        var seed = Environment.GetEnvironmentVariable("MAILCLUSTER_TEST_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        var random = new Random(seed);
        await using var store = await _engine.OpenPostgresAsync(TimeProvider.System);
        var users = new List<MailboxId>();
        for (var user = 0; user < 10; user++)
        {
            users.Add(await store.AddUserAsync($"user{user}"));
        }

        Assert.True(users.Select(user => user.Shard % 4).Distinct().Count() > 2);
        var numbers = users.ToDictionary(user => user, _ => new List<long>());
        var outcomes = new List<(Task<CommitOutcome> Outcome, bool IsGood)>();
        for (var unit = 0; unit < 2000; unit++)
        {
            var to = users.Where(_ => random.Next(6) == 0).DefaultIfEmpty(users[random.Next(10)]).ToList();
            var isGood = random.Next(50) != 0;
            var body = store.Body("x");
            var messages = to.Select(user => StoreSteps.Message(
                user, unit + 1, body, (uint)numbers[user].Count + 1, isGood ? unit + 2 : 0));
            if (isGood)
            {
                to.ForEach(user => numbers[user].Add(unit + 1));
            }

            outcomes.Add((store.CommitAsync([body, .. messages]), isGood));
            if (random.Next(100) == 0)
            {
                await outcomes[^1].Outcome;
            }
        }

        foreach (var (outcome, isGood) in outcomes)
        {
            Assert.True(
                await outcome == (isGood ? CommitOutcome.Committed : CommitOutcome.Refused),
                $"MAILCLUSTER_TEST_SEED={seed}: {await outcome}, good: {isGood}");
        }

        foreach (var user in users)
        {
            Assert.Equal(numbers[user], await store.NumbersAsync(user));
        }
    }

    [Fact]
    public async Task Changes_of_the_directory_and_of_limits_are_told_to_other_nodes()
    {
        await using var here = await _engine.OpenPostgresAsync(TimeProvider.System, "here");
        await using var there = await _engine.OpenPostgresAsync(TimeProvider.System, "there");
        var domains = new ConcurrentQueue<string>();
        var quotas = 0;
        there.Directory.Changed += domains.Enqueue;
        there.Quotas.Changed += () => Interlocked.Increment(ref quotas);

        await here.AddUserAsync();
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(domains.Count >= 2));
        Assert.All(domains, domain => Assert.Equal("example.test", domain));
        await here.Quotas.ChangeAsync(
            new LimitTarget.Domain("example.test"), limits => limits with { StorageOctets = 7 }, Token);
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(Volatile.Read(ref quotas) == 1));

        await _engine.ExecuteAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            + $"WHERE application_name = '{PostgresMailStore.ApplicationName(_engine.Node)}'");
        await PostgresFenceTests.WaitAsync(() => Task.FromResult(domains.Contains("") && quotas == 2));
    }

    [Fact]
    public async Task A_mailbox_that_another_node_removed_takes_no_mail_and_octets_are_those_of_all_nodes()
    {
        await using var here = await _engine.OpenPostgresAsync(TimeProvider.System, "here");
        await using var there = await _engine.OpenPostgresAsync(TimeProvider.System, "there");
        var alice = await here.AddUserAsync();
        await there.DeliverAsync(alice, 1, "seven..");
        Assert.Equal(7, await here.Quotas.UsedOctetsAsync(alice, Token));
        await here.DeliverAsync(alice, 2, "seven..");
        Assert.Equal(14, await there.Quotas.UsedOctetsAsync(alice, Token));

        await here.Directory.RemoveAccountAsync("alice", "example.test", Token);

        var body = there.Body("x");
        Assert.Equal(CommitOutcome.Refused, await there.CommitAsync(body, StoreSteps.Message(alice, 3, body)));
        Assert.Equal(0L, await _engine.ExecuteAsync("SELECT count(*) FROM message"));
    }

    [Fact]
    public async Task Ids_of_two_nodes_differ()
    {
        await using var here = await _engine.OpenPostgresAsync(TimeProvider.System, "here");
        await using var there = await _engine.OpenPostgresAsync(TimeProvider.System, "there");
        var ids = Enumerable.Range(0, 1000)
            .SelectMany(_ => (long[])[here.Bodies.NextId().Value, there.Bodies.NextId().Value]);
        Assert.Equal(2000, ids.Distinct().Count());
    }

    [Fact]
    public async Task Sweepers_of_two_nodes_at_once_delete_each_body_once_and_none_that_is_in_use()
    {
        var time = new MovedTime();
        await using var here = await _engine.OpenPostgresAsync(time, "here");
        await using var there = await _engine.OpenPostgresAsync(time, "there");
        var alice = await here.AddUserAsync("alice");
        var bob = await here.AddUserAsync("bob");
        for (var number = 1; number <= 150; number++)
        {
            var body = here.Body("x");
            await here.CommitAsync(
                body, StoreSteps.Message(alice, number, body), StoreSteps.Message(bob, number, body));
        }

        await here.CommitAsync(StoreSteps.Removal(alice, 1000, [.. Enumerable.Range(1, 150).Select(n => (long)n)]));
        await here.CommitAsync(StoreSteps.Removal(bob, 1000, [.. Enumerable.Range(1, 100).Select(n => (long)n)]));
        time.Move(TimeSpan.FromHours(25));

        var swept = await Task.WhenAll(
            Task.Run(() => _engine.SweepAsync(here)), Task.Run(() => _engine.SweepAsync(there)));

        Assert.Equal(100, swept.Sum() + await _engine.SweepAsync(here));
        Assert.Equal(50L, await _engine.ExecuteAsync("SELECT count(*) FROM body"));
        Assert.Equal(0L, await _engine.ExecuteAsync("SELECT count(*) FROM unreferenced"));
    }

    [Fact]
    public async Task Several_programs_that_start_on_an_empty_database_make_its_schema_once()
    {
        var connection = await _engine.Server.NewDatabaseAsync();
        var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => OpenAsync(connection))));
        Assert.Equal(1, opened.Count(database => database.Migrations > 0));
        Assert.Equal(0, (await OpenAsync(connection)).Migrations);
    }

    [Fact]
    public async Task A_newer_schema_is_refused_with_both_versions()
    {
        var connection = await _engine.ConnectionAsync();
        await _engine.ExecuteAsync("INSERT INTO schema_version (version, name, applied) VALUES (9999, 'later', 0)");
        await RefusedAsync(connection, "9999", "newer");
    }

    [Fact]
    public async Task A_database_of_another_program_is_refused_and_gets_no_tables()
    {
        var connection = await _engine.Server.NewDatabaseAsync();
        var database = new NpgsqlConnectionStringBuilder(connection).Database!;
        await _engine.Server.ExecuteAsync("CREATE TABLE recipes (name text)", database);
        await RefusedAsync(connection, "another program");
        Assert.Equal(1L, await _engine.Server.ExecuteAsync(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", database));
    }

    [Fact]
    public async Task What_is_wrong_with_a_connection_is_said_with_its_place_and_never_with_the_password()
    {
        var good = new NpgsqlConnectionStringBuilder(await _engine.ConnectionAsync());
        string With(Action<NpgsqlConnectionStringBuilder> change)
        {
            var changed = new NpgsqlConnectionStringBuilder(good.ConnectionString);
            change(changed);
            return changed.ConnectionString;
        }

        var place = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{good.Port}/");
        await RefusedAsync(With(c => c.Password = "wrong-secret"), place, "password", "mailcluster");
        await RefusedAsync(With(c => c.Database = "nowhere"), place + "nowhere", "CREATE DATABASE");
        await RefusedAsync(With(c => c.Port = 1), "127.0.0.1:1/", "cannot be reached");
        await RefusedAsync(With(c => c.Host = "name.invalid"), "name.invalid:");
        await RefusedAsync(With(c => c.Username = "nobody"), place, "nobody");
        await RefusedAsync("Hots=127.0.0.1;Password=not-a-secret", "Store.ConnectionString");
        await RefusedAsync("Database=x;Password=not-a-secret", "Host");
        await RefusedAsync("Host=x;Password=not-a-secret", "Database");
        await RefusedAsync(good.ConnectionString + ";Target Session Attributes=standby", "takes writes");
        await RefusedAsync(With(c => c.Password = null), place, "password");
    }

    [Fact]
    public async Task Of_several_hosts_the_one_that_takes_writes_is_found()
    {
        var one = new NpgsqlConnectionStringBuilder(await _engine.ConnectionAsync());
        _engine.Route = _ => new NpgsqlConnectionStringBuilder(one.ConnectionString)
        {
            Host = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:1,127.0.0.1:{one.Port}"),
        }.ConnectionString + ";Target Session Attributes=read-write";
        await using var store = await _engine.OpenPostgresAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, 1);
        Assert.Equal((long[])[1], await store.NumbersAsync(alice));
    }

    [Fact]
    public async Task A_start_waits_for_a_server_that_is_late()
    {
        using var server = new PostgresServer();
        var connection = await server.NewDatabaseAsync();
        server.Stop();
        var log = new CollectedLog();
        var pauses = 0;
        var time = new ActingTime(() =>
        {
            if (++pauses == 2)
            {
                server.Start();
            }
        });
        _ = await PostgresDatabase.OpenAsync(connection, time, log, Token);
        Assert.Equal(2, pauses);
        Assert.Contains("cannot be reached yet (attempt 1 of 4)", log.ToString(), StringComparison.Ordinal);
        Assert.Contains("cannot be reached yet (attempt 2 of 4)", log.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("attempt 3", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_of_the_server_that_lose_mail_are_told()
    {
        using var server = new PostgresServer("fsync = off", "full_page_writes = off", "synchronous_commit = off");
        var database = await OpenAsync(await server.NewDatabaseAsync());
        Assert.Collection(
            database.Advice,
            advice => Assert.Contains("fsync", advice, StringComparison.Ordinal),
            advice => Assert.Contains("full_page_writes", advice, StringComparison.Ordinal),
            advice => Assert.Contains("synchronous_commit", advice, StringComparison.Ordinal),
            advice => Assert.Contains("synchronous_standby_names", advice, StringComparison.Ordinal));
        Assert.Contains(
            "synchronous_standby_names",
            Assert.Single((await OpenAsync(await _engine.ConnectionAsync())).Advice), StringComparison.Ordinal);
    }

    private static Task<PostgresDatabase> OpenAsync(string connection) =>
        PostgresDatabase.OpenAsync(connection, TimeProvider.System, NullLoggerFactory.Instance, Token);

    private static async Task RefusedAsync(string connection, params string[] words)
    {
        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => OpenAsync(connection));
        Assert.All(words, word => Assert.Contains(word, refused.Message, StringComparison.Ordinal));
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Does something at each pause, which then takes no time.</summary>
    private sealed class ActingTime(Action act) : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            act();
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
