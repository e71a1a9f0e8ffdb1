namespace MailCluster.Frontend.Conformance;

/// <summary>MS-OXSMTP 3.2.6 and its events: how long a session lasts, and what ends it or slows it down.</summary>
internal static class SessionProbes
{
    /// <summary>How much later than said a timer may fire; a wheel with coarse spokes is right.</summary>
    private static readonly TimeSpan Lateness = TimeSpan.FromSeconds(5);

    /// <summary>How much earlier, for the same reason.</summary>
    private static readonly TimeSpan Earliness = TimeSpan.FromMilliseconds(500);

    /// <summary>A held reply may come this much earlier: two clocks, and a network between.</summary>
    private static readonly TimeSpan HoldEarliness = TimeSpan.FromMilliseconds(100);

    public static IEnumerable<Probe> All =>
    [
        new("OXSMTP-EV-01", ConnectionTimeAsync, IsSlow: true),
        new("OXSMTP-EV-02", IdleAsync, IsSlow: true),
        new("OXSMTP-EV-04", CommandResetsIdleAsync, IsSlow: true),
        new("OXSMTP-EV-11", ViolationsAsync),
        new("OXSMTP-EV-19", TarpitAsync),
    ];

    /// <summary>Commands all the while, so that only the time of the whole session can end it.</summary>
    private static async Task<Finding> ConnectionTimeAsync(Visit visit)
    {
        var limit = visit.Target.ConnectionTime;
        visit.WantsTime(limit);
        var start = visit.Time.GetTimestamp();
        await using var peer = await visit.GreetedAsync();
        var pause = limit / 10;
        for (var next = pause; next < limit + Lateness + pause; next += pause)
        {
            var reply = await peer.Client.ReadSmtpAsync(WaitFor(visit, peer, start, next));
            if (reply is { Lines.Count: 0, IsClosed: false })
            {
                await peer.Client.SendAsync("NOOP\r\n");
                reply = await peer.Client.ReadSmtpAsync();
            }

            if (reply.Code != 250)
            {
                return await JudgeEndAsync(visit, peer, reply, start, limit - Earliness, limit + Lateness);
            }
        }

        return Finding.Fail($"open after {Seconds.Text(visit.Time.GetElapsedTime(start))}");
    }

    private static async Task<Finding> IdleAsync(Visit visit)
    {
        var given = visit.Target.Idle;
        visit.WantsTime(given ?? visit.Target.ConnectionTime);
        await using var peer = await visit.GreetedAsync();
        var start = peer.Client.Sent;
        var latest = (given ?? visit.Target.ConnectionTime) + Lateness;
        var reply = await peer.Client.ReadSmtpAsync(latest);
        var earliest = given is { } idle ? idle - Earliness : TimeSpan.Zero;
        return reply is { Lines.Count: 0, IsClosed: false }
            ? Finding.Fail($"open after {Seconds.Text(visit.Time.GetElapsedTime(start))} of silence")
            : await JudgeEndAsync(visit, peer, reply, start, earliest, latest);
    }

    /// <summary>Silences of two thirds of the time, each ended by a command, add up to more than the time.</summary>
    private static async Task<Finding> CommandResetsIdleAsync(Visit visit)
    {
        var idle = visit.Target.Idle ?? throw Visit.Missing("give --idle SECONDS");
        visit.WantsTime(idle * 2);
        var start = visit.Time.GetTimestamp();
        await using var peer = await visit.GreetedAsync();
        var pause = idle * 2 / 3;
        for (var next = pause; next <= idle * 2; next += pause)
        {
            var reply = await peer.Client.ReadSmtpAsync(WaitFor(visit, peer, start, next));
            if (reply is { Lines.Count: 0, IsClosed: false })
            {
                reply = await peer.AskAsync("NOOP");
            }

            if (reply.Code != 250)
            {
                return Finding.Fail($"{reply} after {Seconds.Text(visit.Time.GetElapsedTime(start))}");
            }
        }

        return Finding.Pass($"a NOOP every {Seconds.Text(pause)}: open after "
            + Seconds.Text(visit.Time.GetElapsedTime(start)));
    }

    /// <summary>From the last command until so long after the start of the session.</summary>
    private static TimeSpan WaitFor(Visit visit, SmtpPeer peer, long start, TimeSpan until) =>
        until - visit.Time.GetElapsedTime(start, peer.Client.Sent);

    private static async Task<Finding> JudgeEndAsync(
        Visit visit, SmtpPeer peer, Reply reply, long start, TimeSpan earliest, TimeSpan latest)
    {
        var took = visit.Time.GetElapsedTime(start);
        var isClosed = reply.IsClosed || await peer.Client.ClosesAsync();
        var seen = $"{reply} after {Seconds.Text(took)}, {(isClosed ? "closed" : "left open")}";
        return reply.Code == 421 && isClosed && took >= earliest && took <= latest
            ? Finding.Pass(seen)
            : Finding.Fail(seen);
    }

    /// <summary>Both counters, each on a connection of its own; the error above the limit gets the 421.</summary>
    private static async Task<Finding> ViolationsAsync(Visit visit)
    {
        var checks = new Checks();
        await using (var peer = await visit.GreetedAsync())
        {
            await CountAsync(visit, peer, checks, "XYZZY", "protocol errors", visit.Target.ProtocolErrors);
        }

        if (visit.Target.LogonFailures == 0)
        {
            checks.Untried("logon failures: off by --logon-failures 0");
            return checks.Finding();
        }

        await using var login = await visit.SecuredAsync();
        if (login.Mechanisms.Contains("PLAIN", StringComparer.OrdinalIgnoreCase))
        {
            var wrong = $"AUTH PLAIN {SaslText.Plain("nobody@example.invalid", "wrong")}";
            await CountAsync(visit, login, checks, wrong, "logon failures", visit.Target.LogonFailures);
        }
        else
        {
            checks.Untried("logon failures: AUTH PLAIN is not offered");
        }

        return checks.Finding();
    }

    private static async Task CountAsync(
        Visit visit, SmtpPeer peer, Checks checks, string command, string what, int limit)
    {
        for (var count = 1; count <= limit; count++)
        {
            var refused = await peer.AskAsync(command);
            if (!refused.IsPermanent)
            {
                checks.Must(false, $"{what}, {count} of {limit}: {refused}");
                return;
            }
        }

        var above = await peer.AskAsync(command);
        var isClosed = above.IsClosed || (above.Code == 421 && await peer.Client.ClosesAsync());
        checks.Must(above.Is(421, "4.7.0") && isClosed,
            $"{what}, {limit + 1}: {above}{(isClosed ? ", closed" : "")}");
    }

    private static async Task<Finding> TarpitAsync(Visit visit)
    {
        var hold = visit.Target.Tarpit;
        if (hold == TimeSpan.Zero)
        {
            return Finding.NotRun("off by --tarpit 0");
        }

        var checks = new Checks();
        await SettleAsync(visit);
        await using (var peer = await visit.GreetedAsync())
        {
            var good = await peer.AskAsync("NOOP");
            checks.Must(good.Code == 250 && !IsHeld(good.Took, hold), $"NOOP after {Seconds.Text(good.Took)}");
            await peer.Client.SendAsync("XYZZY\r\nNOOP\r\n");
            var bad = await peer.Client.ReadSmtpAsync();
            checks.Must(bad.IsPermanent && IsHeld(bad.Took, hold), $"{bad} after {Seconds.Text(bad.Took)}");
            var behind = await peer.Client.ReadSmtpAsync();
            checks.Must(behind.Code == 250 && IsHeld(behind.Took, hold),
                $"pipelined NOOP after {Seconds.Text(behind.Took)}");
        }

        var first = await TimeToHelloAsync(visit);
        checks.Must(IsHeld(first, hold), $"reconnected: EHLO answered after {Seconds.Text(first)}");
        var second = await TimeToHelloAsync(visit);
        checks.Must(!IsHeld(second, hold), $"once more: after {Seconds.Text(second)}");
        return checks.Finding();
    }

    /// <summary>What earlier probes owe is paid before anything is measured.</summary>
    private static async Task SettleAsync(Visit visit)
    {
        await using var peer = await visit.GreetedAsync();
    }

    private static async Task<TimeSpan> TimeToHelloAsync(Visit visit)
    {
        var start = visit.Time.GetTimestamp();
        await using var peer = await visit.GreetedAsync();
        return visit.Time.GetElapsedTime(start);
    }

    private static bool IsHeld(TimeSpan took, TimeSpan hold) => took >= hold - HoldEarliness;
}
