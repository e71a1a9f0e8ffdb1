using System.Globalization;

namespace MailCluster.Frontend.Conformance;

/// <summary>MS-STANXPOP3: what shows before a mailbox is looked at.</summary>
internal static class Pop3Probes
{
    private const int ResponseOctets = 512;
    private const int CapaOctets = 255;

    private static readonly TimeSpan Lateness = TimeSpan.FromSeconds(5);

    public static IEnumerable<Probe> All =>
    [
        new("STANXPOP3-NV-2.1.2", ArgumentAsync),
        new("STANXPOP3-C0001", ResponseLengthAsync),
        new("STANXPOP3-C0002", IdentifyAsync),
        new("STANXPOP3-V0001", ErrorTextAsync),
        new("STANXPOP3-V0002", IdleAsync, IsSlow: true),
        new("STANXPOP3-C0003", PasswordAsync),
        new("STANXPOP3-E0002", MechanismsAsync),
        new("STANXPOP3-V0008", UserAsync),
        new("STANXPOP3-V0009", UserAsync),
        new("STANXPOP3-V0010", PlainTextAsync),
        new("STANXPOP3-V0011", SpacesAsync),
        new("STANXPOP3-V0012", ApopAsync),
        new("STANXPOP3-E0006", CommandLengthAsync),
        new("STANXPOP3-E0007", CapaLengthAsync),
        new("EX07-RFC-1734", AuthAsync),
        new("EX07-RFC-2449", CapaAsync),
        new("EX07-RFC-2595", StlsAsync),
    ];

    private static async Task<Finding> ArgumentAsync(Visit visit)
    {
        await using var peer = await visit.SecuredPop3Async();
        var reply = await peer.AskAsync($"USER {new string('x', 100)}");
        return reply.IsOk ? Finding.Pass($"USER of 100 octets: +OK") : Finding.Fail($"USER of 100 octets: {reply}");
    }

    private static async Task<Finding> ResponseLengthAsync(Visit visit)
    {
        await using var peer = await visit.SecuredPop3Async();
        List<Reply> replies =
        [
            peer.Greeting,
            await peer.AskAsync($"USER {new string('x', 400)}"),
            await peer.AskAsync($"{new string('X', 400)}"),
            await peer.AskAsync("NOOP"),
        ];
        var longest = replies.Max(reply => reply.First.Length + 2);
        var seen = $"longest of {replies.Count}: {longest} octets";
        return longest <= ResponseOctets ? Finding.Pass(seen) : Finding.Fail(seen);
    }

    private static async Task<Finding> IdentifyAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.SecuredPop3Async();
        checks.Must(peer.Greeting.IsOk, $"greeting: {peer.Greeting}");
        foreach (var command in new[] { "STAT", "RETR 1" })
        {
            var reply = await peer.AskAsync(command);
            checks.Must(reply.IsError, $"{command}: {reply}");
        }

        var user = await peer.AskAsync("USER someone");
        checks.Must(user.IsOk, $"USER after them: {user}");
        return checks.Finding();
    }

    private static async Task<Finding> ErrorTextAsync(Visit visit)
    {
        await using var peer = await visit.SecuredPop3Async();
        var reply = await peer.AskAsync("XYZZY");
        var seen = $"unknown command: {reply}";
        return !reply.IsError ? Finding.Fail(seen)
            : reply.First.Length > "-ERR ".Length ? Finding.Pass(seen)
            : Finding.Partly(seen);
    }

    /// <summary>Before the login; STANXPOP3-V0003 waits for the other timer.</summary>
    private static async Task<Finding> IdleAsync(Visit visit)
    {
        var limit = visit.Target.Pop3Idle;
        visit.WantsTime(limit);
        await using var peer = await visit.Pop3Async();
        var start = peer.Client.Sent;
        var reply = await peer.Client.ReadSingleAsync(limit + Lateness);
        var took = visit.Time.GetElapsedTime(start);
        if (reply is { Lines.Count: 0, IsClosed: false })
        {
            return Finding.Fail($"open after {Seconds.Text(took)} of silence");
        }

        var isClosed = reply.IsClosed || await peer.Client.ClosesAsync();
        var seen = $"{reply} after {Seconds.Text(took)}";
        return isClosed && took >= limit - TimeSpan.FromMilliseconds(500) ? Finding.Pass(seen) : Finding.Fail(seen);
    }

    private static async Task<Finding> PasswordAsync(Visit visit)
    {
        var checks = new Checks();
        await using (var early = await visit.SecuredPop3Async())
        {
            var reply = await early.AskAsync("PASS secret");
            checks.Must(reply.IsError, $"PASS without USER: {reply}");
        }

        await using var peer = await visit.SecuredPop3Async();
        await peer.AskAsync("USER nobody@example.invalid");
        var wrong = await peer.AskAsync("PASS wrong");
        checks.Must(wrong.IsError, $"wrong login: {wrong}");
        return checks.Finding();
    }

    private static async Task<Finding> MechanismsAsync(Visit visit)
    {
        await using var peer = await visit.SecuredPop3Async();
        var (_, lines) = await peer.AskLinesAsync("CAPA");
        var offered = Mechanisms(lines);
        string[] wanted = ["NTLM", "GSSAPI", "PLAIN"];
        var found = wanted.Intersect(offered, StringComparer.OrdinalIgnoreCase).ToArray();
        var hasUser = lines.Contains("USER", StringComparer.OrdinalIgnoreCase);
        var seen = $"SASL {string.Join(' ', offered)}{(hasUser ? ", USER" : "")}";
        return found.Length == wanted.Length && hasUser ? Finding.Pass(seen)
            : found.Length > 0 || hasUser ? Finding.Partly(seen)
            : Finding.Fail(seen);
    }

    private static string[] Mechanisms(IReadOnlyList<string> capabilities) =>
        capabilities.FirstOrDefault(line => line.StartsWith("SASL ", StringComparison.OrdinalIgnoreCase)) is { } line
            ? line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
            : [];

    private static async Task<Finding> UserAsync(Visit visit)
    {
        await using var peer = await visit.SecuredPop3Async();
        var reply = await peer.AskAsync("USER nobody-has-this-name@example.invalid");
        return reply.IsOk ? Finding.Pass("USER of no mailbox: +OK") : Finding.Fail($"USER of no mailbox: {reply}");
    }

    private static async Task<Finding> PlainTextAsync(Visit visit)
    {
        var (user, _) = visit.Account;
        if (visit.Target.Pop3Tls == TlsUse.Implicit)
        {
            return Finding.NotRun("all is in TLS by --pop3-tls implicit");
        }

        await using var peer = await visit.Pop3Async();
        var known = await peer.AskAsync($"USER {user}");
        await using var other = await visit.Pop3Async();
        var unknown = await other.AskAsync("USER nobody@example.invalid");
        var seen = $"USER in the clear: {known}";
        return known.IsOk && unknown.IsOk ? Finding.NotObservable("a login in the clear is permitted here")
            : known.IsError && unknown.IsError ? Finding.Pass($"{seen}, for any name")
            : known.IsError ? Finding.Partly($"{seen}, but +OK for an unknown name")
            : Finding.Fail($"{seen}; for an unknown name: {unknown}");
    }

    private static async Task<Finding> SpacesAsync(Visit visit)
    {
        var (user, password) = visit.Account;
        var checks = new Checks();
        foreach (var (line, what) in new[]
        {
            ($"PASS {password} ", "a trailing space"), ($"PASS  {password}", "a leading space"),
        })
        {
            await using var peer = await visit.SecuredPop3Async();
            await peer.AskAsync($"USER {user}");
            var reply = await peer.AskAsync(line);
            checks.Must(reply.IsError, $"the password and {what}: {reply}");
        }

        await using var right = await visit.MailboxAsync();
        checks.Must(true, "the password alone: +OK");
        return checks.Finding();
    }

    private static async Task<Finding> ApopAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.SecuredPop3Async();
        var opens = peer.Greeting.First.IndexOf('<', StringComparison.Ordinal);
        var hasStamp = opens >= 0 && peer.Greeting.First.IndexOf('>', opens) > 0;
        checks.Must(!hasStamp, hasStamp ? $"timestamp: {peer.Greeting}" : "no timestamp in the greeting");
        var reply = await peer.AskAsync("APOP someone c4c9334bac560ecc979e58001b3e22fb");
        checks.Must(reply.IsError, $"APOP: {reply}");
        return checks.Finding();
    }

    /// <summary>At the limit; above it by more than the CRLF, which might not be counted; and then CAPA.</summary>
    private static async Task<Finding> CommandLengthAsync(Visit visit)
    {
        var limit = visit.Target.Pop3CommandSize;
        var checks = new Checks();
        await using var peer = await visit.SecuredPop3Async();
        var at = await peer.AskAsync($"USER {new string('x', limit - "USER ".Length - 2)}");
        checks.Must(at.IsOk, $"{limit} octets: {at}");
        await using var other = await visit.SecuredPop3Async();
        var above = await other.AskAsync($"USER {new string('x', limit - "USER ".Length + 1)}");
        checks.Must(above.IsError, $"{limit + 3} octets: {above}");
        var capa = await other.AskLinesAsync("CAPA");
        checks.Must(capa.Reply.IsOk, $"CAPA after it: {capa.Reply}");
        return checks.Finding();
    }

    private static async Task<Finding> CapaLengthAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.SecuredPop3Async();
        var (reply, _) = await peer.AskLinesAsync("CAPA");
        var user = await peer.AskAsync($"USER {new string('x', CapaOctets - "USER ".Length - 2)}");
        var isBoth = (reply.IsOk && user.IsOk) || (reply.IsError && user.IsError);
        checks.Must(isBoth, $"CAPA: {reply}, {CapaOctets} octets: {user}");
        return checks.Finding();
    }

    /// <summary>RFC 1734, RFC 5034 §4.</summary>
    private static async Task<Finding> AuthAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.SecuredPop3Async();
        var unknown = await peer.AskAsync("AUTH X-NOBODY-HAS-THIS");
        checks.Must(unknown.IsError, $"unknown mechanism: {unknown}");
        foreach (var mechanism in new[] { "NTLM", "GSSAPI" })
        {
            var reply = await peer.AskAsync($"AUTH {mechanism}");
            var isAsked = reply.First.StartsWith('+') && !reply.IsOk;
            checks.Should(isAsked, $"AUTH {mechanism}: {reply}");
            if (isAsked)
            {
                var cancelled = await peer.AskAsync("*");
                checks.Must(cancelled.IsError, $"*: {cancelled}");
            }
        }

        return checks.Finding();
    }

    private static async Task<Finding> CapaAsync(Visit visit)
    {
        var checks = new Checks();
        await using var before = await visit.SecuredPop3Async();
        var (reply, lines) = await before.AskLinesAsync("CAPA");
        if (!checks.Must(reply.IsOk, reply.IsOk ? $"CAPA: {string.Join(", ", lines)}" : $"CAPA: {reply}"))
        {
            return checks.Finding();
        }

        foreach (var name in new[] { "TOP", "UIDL", "RESP-CODES", "PIPELINING" })
        {
            var isThere = lines.Any(line => line.Split(' ')[0].Equals(name, StringComparison.OrdinalIgnoreCase));
            checks.Should(isThere, isThere ? name : $"no {name}");
        }

        if (visit.Target is not { User: not null, Password: not null })
        {
            checks.Untried("CAPA after the login: give --user and --password-stdin");
            return checks.Finding();
        }

        await using var after = await visit.MailboxAsync();
        var (inside, _) = await after.AskLinesAsync("CAPA");
        checks.Must(inside.IsOk, string.Create(CultureInfo.InvariantCulture, $"after the login: {inside}"));
        return checks.Finding();
    }

    /// <summary>RFC 2595 §2.4, §4.</summary>
    private static async Task<Finding> StlsAsync(Visit visit)
    {
        if (visit.Target.Pop3Tls == TlsUse.Implicit)
        {
            return Finding.NotRun("all is in TLS by --pop3-tls implicit");
        }

        var checks = new Checks();
        await using var peer = await visit.Pop3Async();
        var (_, lines) = await peer.AskLinesAsync("CAPA");
        var isOffered = lines.Contains("STLS", StringComparer.OrdinalIgnoreCase);
        if (!checks.Must(isOffered, isOffered ? "offered" : "STLS is not offered"))
        {
            return checks.Finding();
        }

        var ready = await peer.AskAsync("STLS");
        if (!checks.Must(ready.IsOk, $"STLS: {ready}"))
        {
            return checks.Finding();
        }

        await peer.Client.UpgradeAsync();
        var (again, inside) = await peer.AskLinesAsync("CAPA");
        checks.Must(again.IsOk, $"CAPA: {again}");
        var isStill = inside.Contains("STLS", StringComparer.OrdinalIgnoreCase);
        checks.Must(!isStill, isStill ? "offered again in TLS" : "not offered again");
        await InjectAsync(visit, checks);
        return checks.Finding();
    }

    /// <summary>A command in the clear behind STLS must not be obeyed in TLS; to close is as safe.</summary>
    private static async Task InjectAsync(Visit visit, Checks checks)
    {
        await using var peer = await visit.Pop3Async();
        await peer.Client.SendAsync("STLS\r\nQUIT\r\n");
        var ready = await peer.Client.ReadSingleAsync();
        if (!ready.IsOk || await peer.Client.TryUpgradeAsync() is not null)
        {
            checks.Must(true, "refused with a command behind it");
            return;
        }

        var (reply, _) = await peer.AskLinesAsync("CAPA");
        var (next, _) = await peer.AskLinesAsync("CAPA");
        checks.Must(reply.IsOk && next.IsOk, $"a command behind it is dropped: {next}");
    }
}
