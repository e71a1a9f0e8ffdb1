using System.Diagnostics;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// The store alone under the load of concurrent deliveries: messages per second, CPU of the writer thread per message,
/// latency of commits over several checkpoints. Usage: <c>committer [directory] [senders] [seconds] [octets]
/// [mailboxes] [cache KiB]</c>.
/// </summary>
internal static class CommitterMeasurement
{
    public static async Task RunAsync(string[] args)
    {
        int Number(int index, int fallback) =>
            args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : fallback;
        var directory =
            Path.Combine(args.Length > 0 ? args[0] : Path.GetTempPath(), $"committer-{Environment.ProcessId}");
        var senders = Number(1, 20);
        var seconds = Number(2, 10);
        var octets = Number(3, 1024);
        var users = Number(4, 10_000);
        var options = new SqliteStoreOptions { DataDirectory = directory };
        options = options with { WriterCacheKibibytes = Number(5, options.WriterCacheKibibytes) };
        try
        {
            await using var store = await SqliteMailStore.OpenAsync(
                options, TimeProvider.System, NullLoggerFactory.Instance, new Meters());
            var mailboxes = await SeedAsync(store, users);
            await LoadAsync(store, mailboxes, senders, TimeSpan.FromSeconds(1), octets);
            var cpu = ThreadSeconds();
            var process = Environment.CpuUsage.TotalTime;
            var clock = Stopwatch.StartNew();
            var latencies = await LoadAsync(store, mailboxes, senders, TimeSpan.FromSeconds(seconds), octets);
            var elapsed = clock.Elapsed.TotalSeconds;
            Report(latencies, elapsed, cpu, process, octets, senders);
            await ReadAsync(store, mailboxes, TimeSpan.FromSeconds(2), report: false);
            await ReadAsync(store, mailboxes, TimeSpan.FromSeconds(seconds), report: true);
            await LoadLargeAsync(store, mailboxes[0]);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void Report(
        List<double> latencies, double elapsed, Dictionary<string, double> before, TimeSpan process, int octets,
            int senders)
    {
        latencies.Sort();
        var count = latencies.Count;
        var own = (Environment.CpuUsage.TotalTime - process).TotalMicroseconds / count;
        Console.WriteLine(FormattableString.Invariant(
            $"{count / elapsed:F0} messages/s of {octets} octets from {senders} senders; {own:F1} µs CPU per message"));
        foreach (var (name, value) in ThreadSeconds())
        {
            var used = (value - before.GetValueOrDefault(name)) * 1e6 / count;
            if (name.StartsWith("store-", StringComparison.Ordinal) || used > 1)
            {
                Console.WriteLine(FormattableString.Invariant($"  {name,-18}{used,8:F1} µs CPU per message"));
            }
        }

        foreach (var quantile in (double[])[0.5, 0.99, 0.999, 1])
        {
            var value = latencies[Math.Min(count - 1, (int)(count * quantile))];
            Console.WriteLine(FormattableString.Invariant($"  commit p{quantile * 100,-6}{value,10:F2} ms"));
        }
    }

    private static async Task<List<MailboxId>> SeedAsync(SqliteMailStore store, int users)
    {
        await store.Directory.AddDomainAsync("demo", "example.test", CancellationToken.None);
        var clock = Stopwatch.StartNew();
        await store.Directory.AddAccountsAsync(
            "example.test",
                [.. Enumerable.Range(0, users).Select(user => ($"user{user:D5}", (Shared.Accounts.ScramKeys?)null))],
                    CancellationToken.None);
        Console.WriteLine(FormattableString.Invariant($"{users} accounts added in {clock.ElapsedMilliseconds} ms"));
        return [.. Enumerable.Range(2, users).Select(number => new MailboxId(number))];
    }

    private static async Task<List<double>> LoadAsync(
        SqliteMailStore store, List<MailboxId> mailboxes, int senders, TimeSpan duration, int octets)
    {
        var until = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        var tasks = Enumerable.Range(0, senders).Select(sender => Task.Run(async () =>
        {
            var random = new Random(sender);
            var text = new byte[octets];
            var latencies = new List<double>(100_000);
            while (Stopwatch.GetTimestamp() < until)
            {
                // Each sender has mailboxes of its own: the numbers of one must rise.
                var mailbox = mailboxes[(random.Next(mailboxes.Count / senders) * senders) + sender];
                var body = store.Bodies.NextId();
                var unit = new CommitUnit(1, new StoreOperation.InsertBody(body, text, octets, 0));
                var started = Stopwatch.GetTimestamp();
                unit.Contribute(store.Committer, null, new StoreOperation.InsertMessage(
                    mailbox,
                    FolderId.Inbox,
                    MessageNumber.After(new MessageNumber(body.Value), DateTimeOffset.UtcNow),
                    new Uid((uint)body.Value),
                    new ModSeq(body.Value + 1),
                    body,
                    (uint)octets,
                    (uint)octets,
                    DateTimeOffset.UtcNow));
                var outcome = await unit.Completion;
                latencies.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                if (outcome != CommitOutcome.Committed)
                {
                    throw new InvalidOperationException($"A unit ended as {outcome}.");
                }
            }

            return latencies;
        })).ToList();
        return [.. (await Task.WhenAll(tasks)).SelectMany(latencies => latencies)];
    }

    private static async Task ReadAsync(SqliteMailStore store, List<MailboxId> mailboxes, TimeSpan duration,
        bool report)
    {
        var process = Environment.CpuUsage.TotalTime;
        var before = ThreadSeconds();
        var clock = Stopwatch.StartNew();
        var reads = 0;
        var images = new List<MailboxImage>();
        foreach (var mailbox in mailboxes.Take(200))
        {
            images.Add((await store.Mailboxes.LoadAsync(mailbox, CancellationToken.None))!);
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            var buffer = new byte[64 * 1024];
            for (var turn = client; clock.Elapsed < duration; turn++)
            {
                var image = images[turn % images.Count];
                foreach (var entry in image.Inbox)
                {
                    _ = await store.Bodies.ReadMessageAsync(
                        image.Mailbox, entry.Number, entry.Body, buffer, CancellationToken.None);
                    Interlocked.Increment(ref reads);
                }
            }
        })));
        if (!report)
        {
            return;
        }

        var own = (Environment.CpuUsage.TotalTime - process).TotalMicroseconds / reads;
        Console.WriteLine(FormattableString.Invariant(
            $"{reads / clock.Elapsed.TotalSeconds:F0} first reads/s by 8 sessions; {own:F1} µs CPU each"));
        foreach (var (name, value) in ThreadSeconds())
        {
            var share = (value - before.GetValueOrDefault(name)) * 1e6 / reads;
            if (share > 0.5)
            {
                Console.WriteLine(FormattableString.Invariant($"  {name,-18}{share,8:F1} µs CPU each"));
            }
        }
    }

    private static async Task LoadLargeAsync(SqliteMailStore store, MailboxId mailbox)
    {
        const int messages = 100_000;
        var body = store.Bodies.NextId();
        var number = MessageNumber.After(new MessageNumber(1L << 60), DateTimeOffset.UtcNow).Value;
        for (var first = 0; first < messages; first += 1000)
        {
            var unit = new CommitUnit(1);
            StoreOperation[] operations =
                [.. Enumerable.Range(first, 1000).Select(index => new StoreOperation.InsertMessage(
                mailbox, FolderId.Inbox, new MessageNumber(number + index), new Uid((uint)(3_000_000_000 + index)),
                new ModSeq((1L << 60) + index), body, 8, 8, DateTimeOffset.UnixEpoch))];
            if (first == 0)
            {
                operations = [new StoreOperation.InsertBody(body, new byte[8], 8, 0), .. operations];
            }

            unit.Contribute(store.Committer, null, operations);
            _ = await unit.Completion;
        }

        for (var turn = 0; turn < 3; turn++)
        {
            var clock = Stopwatch.StartNew();
            var image = await store.Mailboxes.LoadAsync(mailbox, CancellationToken.None);
            Console.WriteLine(FormattableString.Invariant(
                $"a mailbox of {image!.Inbox.Length} messages loaded in {clock.ElapsedMilliseconds} ms"));
        }
    }

    /// <summary>CPU seconds by thread name, from the kernel's accounts.</summary>
    private static Dictionary<string, double> ThreadSeconds()
    {
        var seconds = new Dictionary<string, double>();
        foreach (var task in Directory.GetDirectories("/proc/self/task"))
        {
            var name = File.ReadAllText(Path.Combine(task, "comm")).Trim();
            var run = File.ReadAllText(Path.Combine(task, "schedstat")).Split(' ')[0];
            seconds[name] = seconds.GetValueOrDefault(name) + (double.Parse(run, CultureInfo.InvariantCulture) / 1e9);
        }

        return seconds;
    }
}
