using System.Diagnostics;
using System.Globalization;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// How long a large maildrop takes to open and what it holds in memory. Cold: a process that has just opened the store
/// (its caches are empty, the system's are not); passivated: the same process later; warm: a mailbox that is at work;
/// changed: after one more message. Usage: <c>maildrop [directory] [messages] [rounds] [sessions]</c>.
/// </summary>
internal static class MaildropMeasurement
{
    private const int MessagesPerUnit = 1000;

    public static async Task RunAsync(string[] args)
    {
        int Number(int index, int fallback) =>
            args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : fallback;
        var directory =
            Path.Combine(args.Length > 0 ? args[0] : Path.GetTempPath(), $"maildrop-{Environment.ProcessId}");
        var messages = Number(1, 100_000);
        var rounds = Number(2, 10);
        var sessions = Number(3, 1000);
        var options = new SqliteStoreOptions { DataDirectory = directory };
        try
        {
            var mailbox = await FillAsync(options, messages);
            List<double> cold = [];
            List<double> warm = [];
            List<double> changed = [];
            for (var round = 0; round < rounds; round++)
            {
                await using var store = await SqliteMailStore.OpenAsync(
                    options, TimeProvider.System, NullLoggerFactory.Instance, new Meters());
                await using var system = new ActorSystem(
                    ThreadPoolScheduler.Instance, TimeProvider.System, new ActorSystemOptions(),
                    NullLoggerFactory.Instance, new Meters());
                var maildrops = new Maildrops(new MailboxRegion(
                    system, store.Mailboxes, store.Committer, new MailboxOptions(), new MailboxMetrics(new Meters()),
                    NullLoggerFactory.Instance));
                var before = GC.GetTotalMemory(forceFullCollection: true);
                var (first, took) = await OpenAsync(maildrops, mailbox);
                cold.Add(took);
                var held = GC.GetTotalMemory(forceFullCollection: true) - before;
                warm.Add((await OpenAsync(maildrops, mailbox)).Milliseconds);
                await maildrops.DeleteAsync(mailbox, [first.Messages[round].Number], CancellationToken.None);
                changed.Add((await OpenAsync(maildrops, mailbox)).Milliseconds);
                if (round == rounds - 1)
                {
                    await ReportMemoryAsync(maildrops, mailbox, held, first.Messages.Length, sessions);
                }
            }

            Report("cold", cold);
            Report("warm", warm);
            Report("changed", changed);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<MailboxId> FillAsync(SqliteStoreOptions options, int messages)
    {
        await using var store = await SqliteMailStore.OpenAsync(
            options, TimeProvider.System, NullLoggerFactory.Instance, new Meters());
        await store.Directory.AddDomainAsync("demo", "example.test", CancellationToken.None);
        await store.Directory.AddAccountsAsync("example.test", [("large", null)], CancellationToken.None);
        var account = await store.Directory.FindAccountAsync("large", "example.test", CancellationToken.None);
        var mailbox = account!.Id.Mailbox;
        for (var from = 1; from <= messages; from += MessagesPerUnit)
        {
            var unit = new CommitUnit(1);
            var operations = new List<StoreOperation>();
            for (var number = from; number < from + MessagesPerUnit && number <= messages; number++)
            {
                var text = "Subject: x\r\n\r\nbody\r\n"u8.ToArray();
                var body = new StoreOperation.InsertBody(store.Bodies.NextId(), text, text.Length, 0);
                operations.Add(body);
                operations.Add(new StoreOperation.InsertMessage(
                    mailbox, FolderId.Inbox, new MessageNumber(number), new Uid((uint)number), new ModSeq(number + 1),
                    body.Body, (uint)text.Length, (uint)text.Length, DateTimeOffset.UnixEpoch));
            }

            _ = unit.Contribute(store.Committer, null, [.. operations]);
            if (await unit.Completion != CommitOutcome.Committed)
            {
                throw new InvalidOperationException("The mailbox cannot be filled.");
            }
        }

        return mailbox;
    }

    private static async Task<(MaildropSnapshot Snapshot, double Milliseconds)> OpenAsync(
        Maildrops maildrops, MailboxId mailbox)
    {
        var clock = Stopwatch.StartNew();
        var snapshot = await maildrops.OpenAsync(mailbox, CancellationToken.None);
        return (snapshot!, clock.Elapsed.TotalMilliseconds);
    }

    private static async Task ReportMemoryAsync(
        Maildrops maildrops, MailboxId mailbox, long held, int messages, int sessions)
    {
        var opened = new MaildropSnapshot[sessions];
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var session = 0; session < sessions; session++)
        {
            opened[session] = (await OpenAsync(maildrops, mailbox)).Snapshot;
        }

        var more = GC.GetTotalMemory(forceFullCollection: true) - before;
        var isOne = opened.All(snapshot => ReferenceEquals(snapshot, opened[0]));
        Console.WriteLine(FormattableString.Invariant(
            $"{(double)held / messages:F1} octets per message of {messages}; {sessions} sessions: {(isOne ? "one snapshot" : "several snapshots")}, {more} octets more"));
    }

    private static void Report(string name, List<double> milliseconds)
    {
        milliseconds.Sort();
        Console.WriteLine(FormattableString.Invariant(
            $"{name,-8} median {milliseconds[milliseconds.Count / 2]:F2} ms, worst {milliseconds[^1]:F2} ms of {milliseconds.Count}"));
    }
}
