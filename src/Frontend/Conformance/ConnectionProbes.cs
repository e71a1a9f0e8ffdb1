using System.Net;

namespace MailCluster.Frontend.Conformance;

/// <summary>MS-OXSMTP: how many connections a server takes, from one source and in all.</summary>
internal static class ConnectionProbes
{
    /// <summary>Connections above which a row asks for --flood.</summary>
    private const int FloodAbove = 200;

    public static IEnumerable<Probe> All =>
    [
        new("OXSMTP-EV-16", PerSourceAsync),
        new("OXSMTP-EV-15", InAllAsync),
    ];

    /// <summary>One above the limit is refused, and one that leaves makes room for another.</summary>
    private static async Task<Finding> PerSourceAsync(Visit visit)
    {
        var limit = visit.Target.ConnectionsPerSource;
        if (limit > FloodAbove && !visit.Target.Flood)
        {
            return Finding.NotRun($"--flood, for {limit + 1} connections");
        }

        var source = await IsLoopbackAsync(visit) ? IPAddress.Parse("127.0.0.16") : null;
        List<SmtpPeer> held = [];
        try
        {
            var finding = await FillAsync(visit, held, limit, _ => source);
            if (finding.Verdict != Verdict.Pass || held.Count == 0)
            {
                return finding;
            }

            var quit = await held[^1].AskAsync("QUIT");
            await held[^1].Client.ClosesAsync();
            await held[^1].DisposeAsync();
            held.RemoveAt(held.Count - 1);
            await using var next = await visit.ConnectAsync(visit.Target.Smtp, source);
            var seen = $"{finding.Seen}; after a QUIT ({quit.Code}): {next.Greeting}";
            return next.Greeting.Code == 220 ? Finding.Pass(seen) : Finding.Fail(seen);
        }
        finally
        {
            await CloseAsync(held);
        }
    }

    private static async Task<Finding> InAllAsync(Visit visit)
    {
        var limit = visit.Target.Connections;
        if (limit > FloodAbove && !visit.Target.Flood)
        {
            return Finding.NotRun($"--flood, for {limit + 1} connections, or a lower --connections");
        }

        var isLoopback = await IsLoopbackAsync(visit);
        if (!isLoopback && limit >= visit.Target.ConnectionsPerSource)
        {
            return Finding.NotRun("from the server's own host: one source may not have so many connections");
        }

        List<SmtpPeer> held = [];
        try
        {
            // Each from a source of its own, so that the limit per source cannot be what refuses.
            return await FillAsync(visit, held, limit, number =>
                isLoopback ? new IPAddress([127, 1, (byte)(number >> 8), (byte)number]) : null);
        }
        finally
        {
            await CloseAsync(held);
        }
    }

    private static async Task<Finding> FillAsync(
        Visit visit, List<SmtpPeer> held, int limit, Func<int, IPAddress?> source)
    {
        for (var number = 1; number <= limit + 1; number++)
        {
            var peer = await visit.ConnectAsync(visit.Target.Smtp, source(number));
            held.Add(peer);
            if (peer.Greeting.Code == 220)
            {
                continue;
            }

            held.RemoveAt(held.Count - 1);
            await using (peer)
            {
                var isClosed = peer.Greeting.IsClosed || await peer.Client.ClosesAsync();
                var seen = $"connection {number}: {peer.Greeting}, {(isClosed ? "closed" : "left open")}";
                return !peer.Greeting.Is(421, "4.3.2") || !isClosed ? Finding.Fail(seen)
                    : number <= limit ? Finding.Partly($"{seen}, below the limit of {limit}")
                    : Finding.Pass(seen);
            }
        }

        return Finding.Fail($"{limit + 1} connections: all taken");
    }

    private static async Task<bool> IsLoopbackAsync(Visit visit) =>
        (await Dns.GetHostAddressesAsync(visit.Target.Smtp.Host, visit.Stop))
            .FirstOrDefault(address => address.GetAddressBytes().Length == 4) is { } found
        && IPAddress.IsLoopback(found);

    private static async Task CloseAsync(List<SmtpPeer> held)
    {
        foreach (var peer in held)
        {
            await peer.DisposeAsync();
        }
    }
}
