using System.Diagnostics;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.Postgres;
using MailCluster.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace MailCluster.Benchmarks;

/// <summary>
/// The store on a private PostgreSQL with all durability on, under concurrent deliveries: CPU per 1000 units over this
/// process and all of the server's. Usage: <c>postgres [senders] [seconds] [octets] [mailboxes] [connections]
/// [recipients]</c>.
/// </summary>
internal static class PostgresMeasurement
{
    public static async Task RunAsync(string[] args)
    {
        int Number(int index, int fallback) =>
            args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : fallback;
        var senders = Number(0, 20);
        var seconds = Number(1, 10);
        var octets = Number(2, 1024);
        var users = Number(3, 10_000);
        var recipients = Number(5, 1);
        using var server = new PostgresServer();
        var connection = await server.NewDatabaseAsync();
        var database = await PostgresDatabase.OpenAsync(
            connection, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        var node = await JoinAsync(connection);
        await using var store = await PostgresMailStore.OpenAsync(
            database, node, new PostgresStoreOptions { CommitConnections = Number(4, 4) }, TimeProvider.System,
            NullLoggerFactory.Instance, new Meters(), CancellationToken.None);
        var mailboxes = await SeedAsync(store, users);
        await LoadAsync(store, mailboxes, senders, TimeSpan.FromSeconds(3), octets, recipients);
        var ours = Environment.CpuUsage.TotalTime;
        var theirs = ServerSeconds(server);
        var clock = Stopwatch.StartNew();
        var latencies = await LoadAsync(store, mailboxes, senders, TimeSpan.FromSeconds(seconds), octets, recipients);
        var elapsed = clock.Elapsed.TotalSeconds;
        var own = (Environment.CpuUsage.TotalTime - ours).TotalSeconds * 1000 / latencies.Count;
        var server1000 = (ServerSeconds(server) - theirs) * 1000 / latencies.Count;
        latencies.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{latencies.Count / elapsed:F0} units/s of {octets} octets, {senders} senders, "
            + $"{recipients} recipients; CPU-seconds per 1000 units: {own:F3} here + {server1000:F3} PostgreSQL "
            + $"= {own + server1000:F3}"));
        foreach (var quantile in (double[])[0.5, 0.99, 1])
        {
            var value = latencies[Math.Min(latencies.Count - 1, (int)(latencies.Count * quantile))];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  p{quantile * 100,-5}{value,9:F2} ms"));
        }
    }

    private static async Task<NodePeer> JoinAsync(string connection)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var join = source.CreateCommand(
            "WITH joined AS (INSERT INTO node (name, incarnation, address, state, lease_until, version, wire_version) "
            + "VALUES ('a', nextval('incarnation'), '127.0.0.1:1', 1, now() + interval '1 hour', '', 1) "
            + "RETURNING id, incarnation) SELECT id, incarnation FROM joined");
        NodePeer node;
        await using (var row = await join.ExecuteReaderAsync())
        {
            await row.ReadAsync();
            node = new(new NodeId(row.GetInt32(0)), new Incarnation(row.GetInt64(1)));
        }

        await using var own = source.CreateCommand("UPDATE shard SET owner = $1, incarnation = $2, epoch = 1");
        own.Parameters.Add(new NpgsqlParameter { Value = node.Id.Value });
        own.Parameters.Add(new NpgsqlParameter { Value = node.Incarnation.Value });
        await own.ExecuteNonQueryAsync();
        return node;
    }

    private static async Task<List<MailboxId>> SeedAsync(PostgresMailStore store, int users)
    {
        await store.Directory.AddDomainAsync("demo", "example.test", CancellationToken.None);
        await store.Directory.AddAccountsAsync(
            "example.test",
            [.. Enumerable.Range(0, users).Select(user => ($"user{user:D5}", (Shared.Accounts.ScramKeys?)null))],
            CancellationToken.None);
        return [.. Enumerable.Range(2, users).Select(number => new MailboxId(number))];
    }

    private static async Task<List<double>> LoadAsync(
        PostgresMailStore store, List<MailboxId> mailboxes, int senders, TimeSpan duration, int octets, int recipients)
    {
        var until = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        var loads = Enumerable.Range(0, senders).Select(sender => Task.Run(async () =>
        {
            var random = new Random(sender);
            var text = new byte[octets];
            random.NextBytes(text);
            var latencies = new List<double>(100_000);
            while (Stopwatch.GetTimestamp() < until)
            {
                var body = store.Bodies.NextId();
                var unit = new CommitUnit(1, new StoreOperation.InsertBody(body, text, octets, 0));
                var messages = new StoreOperation[recipients];
                var first = random.Next((mailboxes.Count / senders) - recipients);
                for (var recipient = 0; recipient < recipients; recipient++)
                {
                    // Each sender has mailboxes of its own: the numbers of one must rise.
                    var mailbox = mailboxes[((first + recipient) * senders) + sender];
                    unit.Guard(new ShardEpoch(ShardId.Of(mailbox), 1));
                    messages[recipient] = new StoreOperation.InsertMessage(
                        mailbox, FolderId.Inbox,
                        MessageNumber.After(new MessageNumber(body.Value), DateTimeOffset.UtcNow),
                        new Uid((uint)body.Value), new ModSeq(body.Value + 1), body, (uint)octets, (uint)octets,
                        DateTimeOffset.UtcNow);
                }

                var started = Stopwatch.GetTimestamp();
                unit.Contribute(store.Committer, null, messages);
                var outcome = await unit.Completion;
                latencies.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                if (outcome != CommitOutcome.Committed)
                {
                    throw new InvalidOperationException($"A unit ended as {outcome}.");
                }
            }

            return latencies;
        })).ToList();
        return [.. (await Task.WhenAll(loads)).SelectMany(latencies => latencies)];
    }

    /// <summary>Of all its processes, and of those that have ended.</summary>
    private static double ServerSeconds(PostgresServer server)
    {
        const double ticks = 100;
        var seconds = 0.0;
        for (var index = 0; index < server.Processes.Count; index++)
        {
            var text = File.ReadAllText($"/proc/{server.Processes[index]}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            var used = fields[11..(index == 0 ? 15 : 13)]
                .Sum(field => double.Parse(field, CultureInfo.InvariantCulture));
            seconds += used / ticks;
        }

        return seconds;
    }
}
