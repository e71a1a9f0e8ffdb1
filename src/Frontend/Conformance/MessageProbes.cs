using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>MS-OXSMTP 3.2: the events that a message brings about.</summary>
internal static class MessageProbes
{
    /// <summary>Recipients, or messages, above which a row asks for --flood.</summary>
    private const int FloodAbove = 2000;

    /// <summary>Messages in a minute above which a row asks for --flood.</summary>
    private const int RateFloodAbove = 60;

    /// <summary>Octets of a message above which a row asks for --flood.</summary>
    private const long LargeMessage = 64 << 20;

    public static IEnumerable<Probe> All =>
    [
        new("OXSMTP-EV-05", HopsAsync),
        new("OXSMTP-EV-06", LocalHopsAsync),
        new("OXSMTP-EV-07", RecipientsAsync),
        new("OXSMTP-EV-09", HeaderAsync),
        new("OXSMTP-EV-10", SizeAsync),
        new("OXSMTP-EV-08", RateAsync),
    ];

    private static async Task<Finding> HopsAsync(Visit visit)
    {
        var hops = visit.Target.MaxHops;
        return await JudgeHopsAsync(
            visit, "OXSMTP-EV-05", hops, _ => "Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n");
    }

    private static async Task<Finding> LocalHopsAsync(Visit visit) =>
        visit.Target.MaxLocalHops == 0
            ? Finding.NotRun("off by --max-local-hops 0")
            : await JudgeHopsAsync(visit, "OXSMTP-EV-06", visit.Target.MaxLocalHops,
                host => $"Received: from a.example by {host}; Mon, 1 Jan 2024 00:00:00 +0000\r\n");

    /// <summary>At the limit, one above, and the session goes on.</summary>
    private static async Task<Finding> JudgeHopsAsync(
        Visit visit, string id, int limit, Func<string, string> field)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        var host = peer.Greeting.First.Length > 4 ? peer.Greeting.First[4..].Split(' ')[0] : "";
        var received = field(host);
        string Message(int count) =>
            string.Concat(Enumerable.Repeat(received, count)) + visit.Message(id) + "\r\n";
        var at = await peer.SendMessageAsync(visit, Message(limit));
        checks.Should(at.Code == 250, $"{limit} Received: {at}");
        var above = await peer.SendMessageAsync(visit, Message(limit + 1));
        checks.Must(above.IsPermanent, $"{limit + 1}: {above}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"NOOP: {noop}");
        return checks.Finding();
    }

    private static async Task<Finding> RecipientsAsync(Visit visit)
    {
        var limit = visit.Target.MaxRecipients;
        if (limit > FloodAbove && !visit.Target.Flood)
        {
            return Finding.NotRun($"--flood, for {limit + 1} recipients");
        }

        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        await peer.MailAsync(visit);
        for (var count = 1; count <= limit; count++)
        {
            var reply = await peer.AskAsync($"RCPT TO:<{visit.Recipient}>");
            if (reply.Code is not (250 or 251))
            {
                return Finding.Fail($"RCPT {count} of {limit}: {reply}");
            }
        }

        var above = await peer.AskAsync($"RCPT TO:<{visit.Recipient}>");
        checks.Must(above.IsTransient && above.Code != 421, $"RCPT {limit + 1}: {above}");
        var again = await peer.AskAsync($"RCPT TO:<{visit.Recipient}>");
        checks.Must(again.IsTransient && again.Code != 421, $"RCPT {limit + 2}: {again}");
        var reset = await peer.AskAsync("RSET");
        checks.Must(reset.Code == 250, $"RSET: {reset}");
        return checks.Finding();
    }

    /// <summary>Last of all: what it uses up of the minute's messages, others would miss.</summary>
    private static async Task<Finding> RateAsync(Visit visit)
    {
        var limit = visit.Target.RateLimit;
        if (limit == 0)
        {
            return Finding.NotRun("off by --rate-limit 0");
        }

        if (limit > RateFloodAbove && !visit.Target.Flood)
        {
            return Finding.NotRun($"--flood, for {limit + 1} MAIL in a minute, or a lower --rate-limit");
        }

        var start = visit.Time.GetTimestamp();
        await using var peer = await visit.GreetedAsync();
        for (var count = 1; count <= limit + 1; count++)
        {
            var reply = await peer.MailAsync(visit);
            if (reply.Code != 250)
            {
                var isClosed = reply.Code == 421 && await peer.Client.ClosesAsync();
                var seen = $"MAIL {count}: {reply}{(isClosed ? ", closed" : "")}";
                return reply.Is(421, "4.4.2") && isClosed ? Finding.Pass(seen) : Finding.Fail(seen);
            }

            await peer.AskAsync("RSET");
        }

        var took = visit.Time.GetElapsedTime(start);
        return took < TimeSpan.FromMinutes(1)
            ? Finding.Fail($"{limit + 1} MAIL in {Seconds.Text(took)}: all taken")
            : Finding.NotRun($"a quicker way: {limit + 1} MAIL took {Seconds.Text(took)}");
    }

    private static async Task<Finding> HeaderAsync(Visit visit)
    {
        var limit = visit.Target.MaxHeaderSize;
        // How a server counts the line ends and its own fields is its affair: less than this does not matter.
        var margin = Math.Min(2048, limit / 8);
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        var below = await peer.SendMessageAsync(visit, WithHeader(visit, limit - margin));
        checks.Should(below.Code == 250, $"{limit - margin} octets: {below}");
        var above = await peer.SendMessageAsync(visit, WithHeader(visit, limit + margin));
        checks.Must(above.Is(552, "5.3.4"), $"{limit + margin} octets: {above}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"NOOP: {noop}");
        return checks.Finding();
    }

    /// <summary>A header section of about that many octets, in fields of less than a line's length.</summary>
    private static string WithHeader(Visit visit, int octets)
    {
        const int FieldOctets = 500;
        var message = new StringBuilder(visit.Message("OXSMTP-EV-09"));
        while (message.Length < octets)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"X-Filler-{message.Length}: ");
            message.Append(name).Append('x', FieldOctets - name.Length - 2).Append("\r\n");
        }

        return message.Append("\r\nbody\r\n").ToString();
    }

    private static async Task<Finding> SizeAsync(Visit visit)
    {
        await using var peer = await visit.GreetedAsync();
        var announced = long.TryParse(
            peer.Parameters("SIZE"), NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : 0;
        var limit = visit.Target.MaxMessageSize ?? announced;
        if (limit == 0)
        {
            throw Visit.Missing("no limit is announced; give --max-message-size OCTETS");
        }

        var checks = new Checks();
        if (peer.Offers("SIZE"))
        {
            var early = await peer.MailAsync(visit, $" SIZE={limit + 1}");
            checks.Must(early.Is(552, "5.3.4"), $"SIZE={limit + 1}: {early}");
            await peer.AskAsync("RSET");
        }

        if (limit > LargeMessage && !visit.Target.Flood)
        {
            checks.Untried($"a message of {limit} octets: give --flood");
            return checks.Finding();
        }

        var ready = await peer.AskAllAsync(
            $"MAIL FROM:<{visit.Target.Sender}>", $"RCPT TO:<{visit.Recipient}>", "DATA");
        if (ready.Code != 354)
        {
            return Finding.Fail($"no message is taken for --recipient: {ready}");
        }

        await peer.Client.SendAsync(visit.Message("OXSMTP-EV-10") + "\r\n");
        await FillAsync(peer, limit);
        var above = await peer.AskAsync(".");
        checks.Must(above.Is(552, "5.3.4"), $"a message above it: {above}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"NOOP: {noop}");
        return checks.Finding();
    }

    private static async Task FillAsync(SmtpPeer peer, long octets)
    {
        var line = Encoding.Latin1.GetBytes(new string('x', 76) + "\r\n");
        var block = Enumerable.Repeat(line, 800).SelectMany(piece => piece).ToArray();
        for (long sent = 0; sent < octets; sent += block.Length)
        {
            await peer.Client.SendAsync(block);
        }
    }
}
