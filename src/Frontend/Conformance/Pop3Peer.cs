using System.Globalization;

namespace MailCluster.Frontend.Conformance;

/// <summary>A server in a conversation of POP3.</summary>
internal sealed class Pop3Peer(LineClient client, Reply greeting) : IAsyncDisposable
{
    /// <summary>Lines of one multi-line response that are read at most.</summary>
    private const int LinesMax = 100_000;

    public LineClient Client => client;

    public Reply Greeting => greeting;

    public async Task<Reply> AskAsync(string command)
    {
        await client.SendAsync(command + "\r\n");
        return await client.ReadSingleAsync();
    }

    /// <summary>
    /// The first line and, where it is positive, the others up to the dot, as they were sent (RFC 1939 §3).
    /// </summary>
    public async Task<(Reply Reply, IReadOnlyList<string> Lines)> AskLinesAsync(string command)
    {
        var first = await AskAsync(command);
        List<string> lines = [];
        while (first.IsOk && lines.Count < LinesMax)
        {
            var next = await client.ReadSingleAsync();
            if (next.Lines.Count == 0)
            {
                throw new ProbeStoppedException(Finding.Fail($"{command}: {next} before the final dot"));
            }

            if (next.First == ".")
            {
                break;
            }

            lines.Add(next.First);
        }

        return (first, lines);
    }

    /// <summary>STLS (RFC 2595 §4).</summary>
    public async Task SecureAsync()
    {
        var reply = await AskAsync("STLS");
        if (!reply.IsOk)
        {
            throw Visit.Missing("STLS is refused; --pop3-tls none sends passwords in the clear");
        }

        await client.UpgradeAsync();
    }

    /// <summary>Number and unique-id of each message.</summary>
    /// <exception cref="ProbeStoppedException">They are fewer than there must be.</exception>
    public async Task<IReadOnlyList<(int Number, string Uid)>> UidsAsync(int atLeast)
    {
        var (reply, lines) = await AskLinesAsync("UIDL");
        List<(int, string)> uids = [];
        foreach (var line in lines)
        {
            var words = line.Split(' ', 2);
            if (words is [var number, { Length: > 0 } uid]
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                uids.Add((value, uid));
            }
        }

        return uids.Count >= atLeast
            ? uids
            : throw new ProbeStoppedException(Finding.Fail($"UIDL: {reply}, {uids.Count} of {atLeast} or more"));
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
