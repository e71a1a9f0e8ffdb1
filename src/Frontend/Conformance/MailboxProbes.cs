using System.Globalization;

namespace MailCluster.Frontend.Conformance;

/// <summary>MS-STANXPOP3: what shows in a mailbox. Messages that a row needs are delivered first, by SMTP.</summary>
internal static class MailboxProbes
{
    private static readonly TimeSpan PollPause = TimeSpan.FromMilliseconds(200);

    public static IEnumerable<Probe> All =>
    [
        new("STANXPOP3-NV-2.1.1", BlanksAsync),
        new("STANXPOP3-NV-2.1.3", NoLockAsync),
        new("STANXPOP3-NV-2.1.4", StatAsync),
        new("STANXPOP3-NV-2.1.5", ListAsync),
        new("STANXPOP3-V0003", AutologoutAsync, IsSlow: true),
        new("STANXPOP3-C0004", SnapshotAsync),
        new("STANXPOP3-V0004", StatLineAsync),
        new("STANXPOP3-V0005", ListLineAsync),
        new("STANXPOP3-C0006", CommandsAsync),
        new("STANXPOP3-V0007", TopAsync),
        new("STANXPOP3-C0007", UidAsync),
        new("STANXPOP3-C0008", UidOnceAsync),
        new("STANXPOP3-C0009", UidOfCopiesAsync),
        new("STANXPOP3-C0011", LinesAsync),
        new("EX07-RFC-1939", DeleteAsync),
        new("OFFINT-02", DeleteAsync),
    ];

    /// <summary>A session that has at least so many messages, delivered for it where they are missing.</summary>
    private static async Task<Pop3Peer> WithMessagesAsync(Visit visit, int count, string id)
    {
        var peer = await visit.MailboxAsync();
        var have = await CountAsync(peer);
        if (have >= count)
        {
            return peer;
        }

        await peer.DisposeAsync();
        for (var missing = count - have; missing > 0; missing--)
        {
            await visit.DeliverAsync(id, "\r\none\r\ntwo\r\nthree\r\n");
        }

        return await ArrivedAsync(visit, count);
    }

    /// <summary>A new session once it shows so many messages: delivery may take its time behind the 250.</summary>
    public static async Task<Pop3Peer> ArrivedAsync(Visit visit, int count)
    {
        var start = visit.Time.GetTimestamp();
        while (true)
        {
            var peer = await visit.MailboxAsync();
            if (await CountAsync(peer) >= count)
            {
                return peer;
            }

            await peer.AskAsync("QUIT");
            await peer.DisposeAsync();
            if (visit.Time.GetElapsedTime(start) > visit.Target.Patience)
            {
                throw new ProbeStoppedException(
                    Finding.Fail("mail to --recipient does not show in the mailbox of --user"));
            }

            await Task.Delay(PollPause, visit.Time, visit.Stop);
        }
    }

    public static async Task<int> CountAsync(Pop3Peer peer)
    {
        var reply = await peer.AskAsync("STAT");
        return Numbers(reply.First) is [var count, ..] ? (int)count : 0;
    }

    private static long[] Numbers(string line) =>
        [.. line.Split(' ').Select(word =>
                uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1L)
            .Where(number => number >= 0)];

    private static async Task<Finding> BlanksAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-NV-2.1.1");
        foreach (var (line, what) in new[]
        {
            ("LIST   1", "spaces"), ("LIST\t1", "a TAB"), ("LIST \t\t 1", "both"), ("UIDL\t\t1", "TABs"),
        })
        {
            var reply = await peer.AskAsync(line);
            checks.Must(reply.IsOk && Numbers(reply.First) is [1, ..], $"{what}: {reply}");
        }

        return checks.Finding();
    }

    private static async Task<Finding> NoLockAsync(Visit visit)
    {
        var (user, password) = visit.Account;
        await using var first = await visit.MailboxAsync();
        await using var second = await visit.SecuredPop3Async();
        await second.AskAsync($"USER {user}");
        var login = await second.AskAsync($"PASS {password}");
        var still = await first.AskAsync("NOOP");
        var seen = $"a second login: {login}; NOOP on the first: {still}";
        return login.IsOk && still.IsOk ? Finding.Pass(seen) : Finding.Fail(seen);
    }

    private static async Task<Finding> StatAsync(Visit visit)
    {
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-NV-2.1.4");
        var stat = Numbers((await peer.AskAsync("STAT")).First);
        var (_, lines) = await peer.AskLinesAsync("LIST");
        var sum = lines.Sum(line => Numbers(line) is [_, var size] ? size : 0);
        var seen = $"STAT {string.Join(' ', stat)}; sum of LIST {sum} of {lines.Count}";
        return stat is [var count, var octets] && count == lines.Count && octets == sum
            ? Finding.Pass(seen)
            : Finding.Fail(seen);
    }

    /// <summary>Exact or not is the server's choice; that a size is there and near the truth is not.</summary>
    private static async Task<Finding> ListAsync(Visit visit)
    {
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-NV-2.1.5");
        var listed = Numbers((await peer.AskAsync("LIST 1")).First) is [_, var size] ? size : 0;
        var (_, lines) = await peer.AskLinesAsync("RETR 1");
        var sent = lines.Sum(line => (long)Unstuffed(line).Length + 2);
        var seen = $"LIST 1: {listed}; RETR 1 has {sent} octets";
        return listed == sent ? Finding.Pass(seen)
            : Math.Abs(listed - sent) <= Math.Max(256, sent / 10) ? Finding.Pass($"{seen}, an estimate")
            : Finding.Fail(seen);
    }

    private static string Unstuffed(string line) => line.StartsWith('.') ? line[1..] : line;

    /// <summary>DELE, then silence: a line, the end, and the message is there the next time.</summary>
    private static async Task<Finding> AutologoutAsync(Visit visit)
    {
        var limit = visit.Target.Pop3IdleLoggedOn;
        _ = visit.Account;
        visit.WantsTime(limit);
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-V0003");
        var uid = (await peer.UidsAsync(1))[0].Uid;
        await peer.AskAsync("DELE 1");
        var reply = await peer.Client.ReadSingleAsync(limit + TimeSpan.FromSeconds(5));
        var took = Seconds.Text(reply.Took);
        if (!checks.Must(reply.Lines.Count > 0 || reply.IsClosed, $"{reply} after {took}"))
        {
            return checks.Finding();
        }

        checks.Must(reply.Took >= limit - TimeSpan.FromMilliseconds(500), $"after {took} of {Seconds.Text(limit)}");
        checks.Must(reply.IsError, $"a line before the end: {reply}");
        checks.Must(reply.IsClosed || await peer.Client.ClosesAsync(), "closed");
        await using var next = await visit.MailboxAsync();
        var isThere = (await next.UidsAsync(0)).Any(message => message.Uid == uid);
        checks.Must(isThere, isThere ? "nothing was deleted" : "the message is gone");
        return checks.Finding();
    }

    private static async Task<Finding> SnapshotAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 2, "STANXPOP3-C0004");
        var before = await peer.UidsAsync(2);
        var last = before[^1].Number;
        await using (var other = await visit.MailboxAsync())
        {
            await other.AskAsync($"DELE {last}");
            var quit = await other.AskAsync("QUIT");
            checks.Must(quit.IsOk, $"deleted elsewhere: {quit}");
        }

        var after = await peer.UidsAsync(0);
        checks.Must(before.SequenceEqual(after), before.SequenceEqual(after) ? "numbers stay" : "numbers moved");
        var (retrieved, _) = await peer.AskLinesAsync($"RETR {last}");
        checks.Must(retrieved.IsError, $"RETR: {retrieved}");
        var (top, _) = await peer.AskLinesAsync($"TOP {last} 0");
        checks.Must(top.IsError, $"TOP: {top}");
        return checks.Finding();
    }

    private static async Task<Finding> StatLineAsync(Visit visit)
    {
        await using var peer = await visit.MailboxAsync();
        var reply = await peer.AskAsync("STAT");
        var isRight = Numbers(reply.First) is [var count, var octets] && reply.First == $"+OK {count} {octets}";
        return isRight ? Finding.Pass(reply.First) : Finding.Fail($"STAT: {reply}");
    }

    private static async Task<Finding> ListLineAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-V0005");
        var (_, lines) = await peer.AskLinesAsync("LIST");
        var wrong = lines.FirstOrDefault(line =>
            Numbers(line) is not [var number, var octets] || line != $"{number} {octets}");
        checks.Must(wrong is null && lines.Count > 0, wrong ?? $"{lines.Count} lines");
        var one = await peer.AskAsync("LIST 1");
        checks.Must(Numbers(one.First) is [1, var size] && one.First == $"+OK 1 {size}", $"LIST 1: {one}");
        return checks.Finding();
    }

    private static async Task<Finding> CommandsAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-C0006");
        foreach (var command in new[] { "STAT", "LIST 1", "NOOP", "DELE 1", "RSET" })
        {
            var reply = await peer.AskAsync(command);
            checks.Must(reply.IsOk, $"{command}: {reply}");
        }

        var (list, _) = await peer.AskLinesAsync("LIST");
        checks.Must(list.IsOk, $"LIST: {list}");
        var (retrieved, _) = await peer.AskLinesAsync("RETR 1");
        checks.Must(retrieved.IsOk, $"RETR 1: {retrieved}");
        var quit = await peer.AskAsync("QUIT");
        checks.Must(quit.IsOk, $"QUIT: {quit}");
        return checks.Finding();
    }

    private static async Task<Finding> TopAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-V0007");
        var (_, whole) = await peer.AskLinesAsync("RETR 1");
        var blank = whole.ToList().IndexOf("");
        foreach (var count in new[] { 0, 1 })
        {
            var (reply, lines) = await peer.AskLinesAsync($"TOP 1 {count}");
            var isRight = reply.IsOk && blank >= 0 && lines.SequenceEqual(whole.Take(blank + 1 + count));
            checks.Must(isRight, isRight ? $"TOP 1 {count}: header and {count}" : $"TOP 1 {count}: {lines.Count} lines");
        }

        var wrong = await peer.AskAsync("TOP 1 -1");
        checks.Must(wrong.IsError, $"TOP 1 -1: {wrong}");
        return checks.Finding();
    }

    private static async Task<Finding> UidAsync(Visit visit)
    {
        var checks = new Checks();
        IReadOnlyList<(int Number, string Uid)> first;
        await using (var peer = await WithMessagesAsync(visit, 2, "STANXPOP3-C0007"))
        {
            first = await peer.UidsAsync(2);
            await peer.AskAsync("QUIT");
        }

        var isDecimal = first.All(message => message.Uid.Length <= 18 && message.Uid.All(char.IsAsciiDigit));
        checks.Must(isDecimal, $"UIDL 1: {first[0].Uid}");
        if (isDecimal)
        {
            var numbers = first.Select(message => long.Parse(message.Uid, CultureInfo.InvariantCulture)).ToArray();
            var isIncreasing = numbers.Zip(numbers.Skip(1)).All(pair => pair.First < pair.Second);
            checks.Must(isIncreasing, isIncreasing ? "increasing" : "not increasing");
        }

        await using var next = await visit.MailboxAsync();
        var isKept = first.SequenceEqual(await next.UidsAsync(0));
        checks.Must(isKept, isKept ? "the same in the next session" : "others in the next session");
        return checks.Finding();
    }

    /// <summary>The newest is deleted: a server that counts from the highest would use its id again.</summary>
    private static async Task<Finding> UidOnceAsync(Visit visit)
    {
        _ = visit.Recipient;
        string old;
        int count;
        await using (var peer = await WithMessagesAsync(visit, 1, "STANXPOP3-C0008"))
        {
            var uids = await peer.UidsAsync(1);
            (count, old) = uids[^1];
            await peer.AskAsync($"DELE {count}");
            await peer.AskAsync("QUIT");
        }

        await visit.DeliverAsync("STANXPOP3-C0008", "\r\nagain\r\n");
        await using var next = await ArrivedAsync(visit, count);
        var now = (await next.UidsAsync(1))[^1].Uid;
        return now == old ? Finding.Fail($"{old} was used again") : Finding.Pass($"{old} deleted, then {now}");
    }

    private static async Task<Finding> UidOfCopiesAsync(Visit visit)
    {
        _ = visit.Recipient;
        int have;
        await using (var peer = await visit.MailboxAsync())
        {
            have = await CountAsync(peer);
        }

        await visit.DeliverAsync("STANXPOP3-C0009", "Message-ID: <copy@example.invalid>\r\n\r\nthe same\r\n");
        await visit.DeliverAsync("STANXPOP3-C0009", "Message-ID: <copy@example.invalid>\r\n\r\nthe same\r\n");
        await using var next = await ArrivedAsync(visit, have + 2);
        var uids = (await next.UidsAsync(2)).Select(message => message.Uid).ToArray();
        var seen = $"{uids[^2]} and {uids[^1]}";
        return uids.Distinct().Count() == uids.Length ? Finding.Pass(seen) : Finding.Fail(seen);
    }

    private static async Task<Finding> LinesAsync(Visit visit)
    {
        _ = visit.Recipient;
        int have;
        await using (var peer = await visit.MailboxAsync())
        {
            have = await CountAsync(peer);
        }

        await visit.DeliverAsync("STANXPOP3-C0011", "\r\n..dot\r\n...\r\nlast\r\n");
        await using var next = await ArrivedAsync(visit, have + 1);
        var (reply, lines) = await next.AskLinesAsync($"RETR {have + 1}");
        var checks = new Checks();
        checks.Must(reply.IsOk, $"RETR: {reply}");
        var isStuffed = lines.Contains("..dot") && lines.Contains("...");
        checks.Must(isStuffed, isStuffed ? "dots are stuffed" : "dots are not stuffed");
        var isEnded = lines.All(line => !line.EndsWith('\n'));
        checks.Must(isEnded, isEnded ? "lines end in CRLF" : "a line ends in a bare LF");
        return checks.Finding();
    }

    /// <summary>RFC 1939 §5: DELE marks, RSET unmarks, numbers stay.</summary>
    private static async Task<Finding> DeleteAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await WithMessagesAsync(visit, 2, "EX07-RFC-1939");
        var uids = await peer.UidsAsync(2);
        var zero = await peer.AskAsync("DELE 0");
        checks.Must(zero.IsError, $"DELE 0: {zero}");
        var beyond = await peer.AskAsync($"DELE {uids.Count + 1}");
        checks.Must(beyond.IsError, $"DELE {uids.Count + 1}: {beyond}");
        await peer.AskAsync("DELE 1");
        var gone = await peer.AskAsync("LIST 1");
        checks.Must(gone.IsError, $"LIST 1 after DELE 1: {gone}");
        var second = await peer.AskAsync("UIDL 2");
        checks.Must(second.First == $"+OK 2 {uids[1].Uid}", $"UIDL 2: {second}");
        var reset = await peer.AskAsync("RSET");
        var back = await peer.AskAsync("LIST 1");
        checks.Must(reset.IsOk && back.IsOk, $"after RSET: {back}");
        return checks.Finding();
    }
}
