using System.Net;

namespace MailCluster.Frontend.Conformance;

/// <summary>What a probe has at hand: the target, a clock, and the ways to a session on it.</summary>
internal sealed class Visit(Target target, TimeProvider time, CancellationToken stop)
{
    /// <summary>A wait of up to this long is no reason to ask for --slow.</summary>
    private static readonly TimeSpan ShortWait = TimeSpan.FromSeconds(20);

    public Target Target => target;

    public TimeProvider Time => time;

    public CancellationToken Stop => stop;

    public string Recipient => target.Recipient ?? throw Missing("give --recipient ADDRESS");

    public (string User, string Password) Account =>
        target is { User: { } user, Password: { } password }
            ? (user, password)
            : throw Missing("give --user and --password-stdin");

    public static ProbeStoppedException Missing(string whatToGive) => new(Finding.NotRun(whatToGive));

    /// <exception cref="ProbeStoppedException">The wait is long, and --slow was not given.</exception>
    public void WantsTime(TimeSpan wait)
    {
        if (wait > ShortWait && !target.Slow)
        {
            throw Missing("--slow");
        }
    }

    /// <summary>Connected, the greeting read, whatever it is.</summary>
    public async Task<SmtpPeer> ConnectAsync(Place place, IPAddress? source = null)
    {
        var client = await OpenAsync(place, source, target.Tls);
        return new SmtpPeer(client, await client.ReadSmtpAsync());
    }

    /// <summary>After greeting and EHLO, in the clear unless all connections are in TLS.</summary>
    /// <exception cref="ProbeStoppedException">The server lets nobody in.</exception>
    public async Task<SmtpPeer> GreetedAsync(Place? place = null, IPAddress? source = null)
    {
        var peer = await ConnectAsync(place ?? target.Smtp, source);
        try
        {
            if (peer.Greeting.Code != 220)
            {
                throw new ProbeStoppedException(Finding.Fail($"greeting: {peer.Greeting}"));
            }

            var hello = await peer.HelloAsync();
            return hello.Code == 250 ? peer : throw new ProbeStoppedException(Finding.Fail($"EHLO: {hello}"));
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where users log in, after EHLO, in TLS unless the clear was asked for.</summary>
    public async Task<SmtpPeer> SecuredAsync()
    {
        var peer = await GreetedAsync(target.Submission ?? target.Smtp);
        try
        {
            if (target.Tls == TlsUse.StartTls)
            {
                await peer.SecureAsync();
            }

            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <summary>After the greeting, in the clear unless all connections are in TLS.</summary>
    public async Task<Pop3Peer> Pop3Async()
    {
        var place = target.Pop3 ?? throw Missing("give --pop3 host:port");
        var client = await OpenAsync(place, null, target.Pop3Tls);
        return new Pop3Peer(client, await client.ReadSingleAsync());
    }

    /// <summary>After the greeting, where USER may be sent.</summary>
    public async Task<Pop3Peer> SecuredPop3Async()
    {
        var peer = await Pop3Async();
        try
        {
            if (target.Pop3Tls == TlsUse.StartTls)
            {
                await peer.SecureAsync();
            }

            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <summary>In TRANSACTION.</summary>
    public async Task<Pop3Peer> MailboxAsync()
    {
        var (user, password) = Account;
        var peer = await SecuredPop3Async();
        try
        {
            await peer.AskAsync($"USER {user}");
            var login = await peer.AskAsync($"PASS {password}");
            return login.IsOk ? peer : throw new ProbeStoppedException(Finding.Fail($"login: {login}"));
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    private async Task<LineClient> OpenAsync(Place place, IPAddress? source, TlsUse tls)
    {
        var client = await LineClient.ConnectAsync(place, source, time, target.Patience, stop);
        try
        {
            if (tls == TlsUse.Implicit)
            {
                await client.UpgradeAsync();
            }

            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>One message into the mailbox, accepted.</summary>
    public async Task DeliverAsync(string id, string rest)
    {
        await using var peer = await GreetedAsync();
        var reply = await peer.SendMessageAsync(this, Message(id) + rest);
        if (reply.Code != 250)
        {
            throw new ProbeStoppedException(Finding.Fail($"the message was not accepted: {reply}"));
        }
    }

    /// <summary>The beginning of a message's header section, which says what the message is.</summary>
    public string Message(string id) =>
        $"From: <{(target.Sender.Length > 0 ? target.Sender : Recipient)}>\r\nTo: <{Recipient}>\r\n"
        + $"Date: {time.GetUtcNow():ddd, dd MMM yyyy HH:mm:ss} +0000\r\n"
        + $"Subject: mailcluster conformance {id}: a test message, delete it\r\n";
}
