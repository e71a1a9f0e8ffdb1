using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>What can be known before a run: each fault says what to change.</summary>
internal static class Preflight
{
    /// <summary>Descriptors beside those of connections: files, the runtime's own, figures being asked for.</summary>
    private const int OtherDescriptors = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <param name="hasToken">The admin API can be used.</param>
    public static async Task CheckAsync(Scenario scenario, bool hasToken, CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        AddMissing(scenario, hasToken, faults);
        AddBounds(scenario, faults);
        AddSources(scenario, faults);
        if (faults.Count == 0)
        {
            foreach (var (name, place) in scenario.Targets.SelectMany(Places).Distinct())
            {
                if (await RefusalAsync(place, cancellationToken) is { } refusal)
                {
                    faults.Add(
                        $"{name} at {place}: {refusal}. Start the server (./run.sh), or name another place in \"targets\" of the scenario.");
                }
            }
        }

        if (faults.Count > 0)
        {
            throw new LoadFaultException([.. faults]);
        }
    }

    private static void AddMissing(Scenario scenario, bool hasToken, List<string> faults)
    {
        if (scenario.Targets.IsEmpty)
        {
            faults.Add("The scenario has no target: name one in \"targets\", or give --ready-file.");
        }

        foreach (var target in scenario.Targets)
        {
            foreach (var client in scenario.Clients)
            {
                var wanted = client.Kind switch
                {
                    ClientKind.Submission => target.Submission is null && (target.Submissions is null || client.Tls < 1)
                        ? "submission" : null,
                    ClientKind.Pop3 => target.Pop3 is null && (target.Pop3s is null || client.Tls < 1) ? "pop3" : null,
                    ClientKind.Idle when client.IdlesInPop3 => target.Pop3 is null && target.Pop3s is null
                        ? "pop3" : null,
                    _ => target.Smtp is null ? "smtp" : null,
                };
                if (wanted is not null)
                {
                    faults.Add($"{client.Name} needs \"{wanted}\" in each of \"targets\".");
                }
            }

            if (scenario.Checks && target.Pop3 is null && target.Pop3s is null)
            {
                faults.Add(
                    "Mailboxes are read at the end, so each of \"targets\" needs \"pop3s\" or \"pop3\"; or set \"check\" to false.");
            }
        }

        if (scenario.Users.Makes && scenario.Targets.All(target => target.Admin is null))
        {
            faults.Add(
                "Users are made by the admin API: a target needs \"admin\"; or set \"make\" of \"users\" to false.");
        }
        else if (scenario.Users.Makes && !hasToken)
        {
            faults.Add(
                "Users are made by the admin API, which wants its token: --token-file names the file (admin.token in the node's data directory).");
        }

        var largest = scenario.Clients.Max(client => client.RecipientsMax);
        if (largest > scenario.Users.Count)
        {
            faults.Add($"{largest} recipients of a message are wanted, of {scenario.Users.Count} users.");
        }
    }

    private static void AddBounds(Scenario scenario, List<string> faults)
    {
        var permanent = scenario.Clients.Sum(client => (long)client.Count);
        var passing = (long)scenario.Clients
            .Where(client => client.Count == 0)
            .Sum(client => Math.Min(client.InFlightMax, client.Arrivals!.RateMax * 2));
        var descriptors = permanent + passing + OtherDescriptors;
        if (Descriptors() is { } most && descriptors > most)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"The scenario needs about {descriptors} open files at once, {most} are allowed. Raise the limit (ulimit -n {descriptors * 2}), or have fewer clients."));
        }

        var tuples = Math.Max(1, scenario.Sources.Addresses) * (long)Math.Max(1, scenario.Targets.Length);
        if (Ports() is { } ports && (permanent + passing) / tuples > ports)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"{permanent + passing} connections at once need more than the {ports} ports that an address has. Give \"sources\" at least {((permanent + passing) / ports) + 1} \"addresses\"."));
        }
    }

    /// <summary>
    /// Loopback addresses are there without being set up, but packets from them do not leave the machine's own network.
    /// </summary>
    private static void AddSources(Scenario scenario, List<string> faults)
    {
        if (scenario.Sources.Addresses == 0)
        {
            return;
        }

        var first = scenario.Sources.First;
        using var socket = new Socket(first.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(first, 0));
        }
        catch (SocketException)
        {
            faults.Add(
                $"\"sources\": {first} is no address of this machine. Make it one (ip route add local NETWORK/PREFIX dev lo does it for all of a network), or name another \"first\" (--source-first), as 127.1.0.1.");
            return;
        }

        var far = scenario.Targets.SelectMany(Places).Select(service => service.Place.Address)
            .FirstOrDefault(address => !IPAddress.IsLoopback(address));
        if (IPAddress.IsLoopback(first) && far is not null)
        {
            faults.Add(
                $"\"sources\" are loopback addresses, from which {far} cannot be reached. Name others as \"first\" (--source-first), or set \"addresses\" to 0.");
        }
    }

    private static IEnumerable<(string Name, IPEndPoint Place)> Places(Target target) =>
        new (string Name, IPEndPoint? Place)[]
        {
            ("smtp", target.Smtp), ("submission", target.Submission), ("submissions", target.Submissions),
            ("pop3", target.Pop3), ("pop3s", target.Pop3s),
        }.Where(service => service.Place is not null).Select(service => (service.Name, service.Place!));

    private static async Task<string?> RefusalAsync(IPEndPoint place, CancellationToken cancellationToken)
    {
        using var socket = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            await socket.ConnectAsync(place, deadline.Token);
            return null;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ConnectionRefused
                ? "nobody listens there" : exception.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "nobody answers there";
        }
    }

    /// <summary>Null: the system does not say.</summary>
    private static long? Descriptors()
    {
        const string limits = "/proc/self/limits";
        var line = File.Exists(limits)
            ? File.ReadLines(limits).FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal))
            : null;
        return line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, var soft, ..]
            && long.TryParse(soft, CultureInfo.InvariantCulture, out var most) ? most : null;
    }

    private static long? Ports()
    {
        const string range = "/proc/sys/net/ipv4/ip_local_port_range";
        return File.Exists(range) && File.ReadAllText(range).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            is [var first, var last] && long.TryParse(first, CultureInfo.InvariantCulture, out var from)
            && long.TryParse(last, CultureInfo.InvariantCulture, out var to) ? to - from + 1 : null;
    }
}
