using System.Net;
using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>A server in a conversation of SMTP.</summary>
internal sealed class SmtpPeer(LineClient client, Reply greeting) : IAsyncDisposable
{
    private Reply? _hello;

    public LineClient Client => client;

    public Reply Greeting => greeting;

    /// <summary>The words behind AUTH in the last EHLO.</summary>
    public string[] Mechanisms => Parameters("AUTH") is { Length: > 0 } list ? list.Split(' ') : [];

    /// <summary>What EHLO's last reply announced: the whole lines.</summary>
    public IEnumerable<string> Extensions =>
        _hello?.Lines.Skip(1).Select(line => line.Length > 4 ? line[4..] : "") ?? [];

    public bool Offers(string keyword) => Parameters(keyword) is not null;

    /// <summary>What stands behind a keyword of EHLO's reply; null where it is not announced.</summary>
    public string? Parameters(string keyword)
    {
        foreach (var line in Extensions)
        {
            var words = line.Split(' ', 2);
            if (words[0].Equals(keyword, StringComparison.OrdinalIgnoreCase))
            {
                return words.Length == 2 ? words[1] : "";
            }
        }

        return null;
    }

    /// <summary>An address literal, because this client has no name (RFC 5321 §4.1.4).</summary>
    public string OwnName =>
        client.LocalAddress.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
            ? $"[{client.LocalAddress}]"
            : $"[IPv6:{new IPAddress(client.LocalAddress.GetAddressBytes())}]";

    public async Task<Reply> HelloAsync()
    {
        var reply = await AskAsync($"EHLO {OwnName}");
        _hello = reply;
        return reply;
    }

    public async Task<Reply> AskAsync(string command)
    {
        await client.SendAsync(command + "\r\n");
        return await client.ReadSmtpAsync();
    }

    /// <summary>The reply to the last of several commands; the first that is not positive instead.</summary>
    public async Task<Reply> AskAllAsync(params IEnumerable<string> commands)
    {
        Reply? last = null;
        foreach (var command in commands)
        {
            last = await AskAsync(command);
            if (!last.IsPositive)
            {
                break;
            }
        }

        return last!;
    }

    /// <summary>STARTTLS and a new EHLO.</summary>
    /// <exception cref="ProbeStoppedException">It is not offered, or refused.</exception>
    public async Task SecureAsync()
    {
        if (!Offers("STARTTLS"))
        {
            throw Visit.Missing("STARTTLS is not offered; --tls none sends passwords in the clear");
        }

        var reply = await AskAsync("STARTTLS");
        if (reply.Code != 220)
        {
            throw new ProbeStoppedException(Finding.Fail($"STARTTLS: {reply}"));
        }

        await client.UpgradeAsync();
        await HelloAsync();
    }

    public Task<Reply> MailAsync(Visit visit, string parameters = "") =>
        AskAsync($"MAIL FROM:<{visit.Target.Sender}>{parameters}");

    /// <summary>MAIL, RCPT and DATA with a message whose lines are dot-stuffed already; the reply to its end.</summary>
    public Task<Reply> SendMessageAsync(Visit visit, string message) =>
        SendMessageAsync(visit, Encoding.Latin1.GetBytes(message));

    public async Task<Reply> SendMessageAsync(Visit visit, ReadOnlyMemory<byte> message)
    {
        var ready = await AskAllAsync($"MAIL FROM:<{visit.Target.Sender}>", $"RCPT TO:<{visit.Recipient}>", "DATA");
        if (ready.Code != 354)
        {
            throw new ProbeStoppedException(Finding.Fail($"no message is taken for --recipient: {ready}"));
        }

        await client.SendAsync(message);
        return await AskAsync(".");
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
