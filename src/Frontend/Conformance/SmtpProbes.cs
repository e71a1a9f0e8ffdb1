using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>MS-OXSMTP 1.7, 2.1 and 3.2: the message exchange of RFC 5321 and what is added to it.</summary>
internal static class SmtpProbes
{
    /// <summary>Octets of a command line with its CRLF that every server must take (RFC 5321 §4.5.3.1.4).</summary>
    private const int CommandLineOctets = 512;

    public static IEnumerable<Probe> All =>
    [
        new("OXSMTP-GEN-01", SequenceAsync),
        new("OXSMTP-GEN-02", AuthenticationAsync),
        new("OXSMTP-GEN-03", NegotiationAsync),
        new("OXSMTP-GEN-04", SyntaxAsync),
        new("OXSMTP-GEN-05", InternationalAsync),
        new("EX07-RFC-2821", MinimumAsync),
        new("EX07-RFC-4409", SubmissionAsync),
    ];

    /// <summary>RFC 5321 §4.1.4, §4.3.2.</summary>
    private static async Task<Finding> SequenceAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.ConnectAsync(visit.Target.Smtp);
        checks.Must(peer.Greeting.Code == 220, $"greeting: {peer.Greeting}");
        var early = await peer.AskAsync("RCPT TO:<postmaster>");
        checks.Must(early.Code == 503, $"RCPT first: {early}");
        var hello = await peer.HelloAsync();
        checks.Must(hello.Code == 250, $"EHLO: {hello.Code}");
        var data = await peer.AskAsync("DATA");
        checks.Must(data.Code is 503 or 554, $"DATA without MAIL: {data}");
        var mail = await peer.MailAsync(visit);
        checks.Must(mail.Code == 250, $"MAIL: {mail}");
        var again = await peer.MailAsync(visit);
        checks.Must(again.Code == 503, $"second MAIL: {again}");
        var reset = await peer.AskAsync("RSET");
        checks.Must(reset.Code == 250, $"RSET: {reset}");
        var after = await peer.AskAsync("RCPT TO:<postmaster>");
        checks.Must(after.Code == 503, $"RCPT after RSET: {after}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"NOOP: {noop}");
        var quit = await peer.AskAsync("QUIT");
        checks.Must(quit.Code == 221 && await peer.Client.ClosesAsync(), $"QUIT: {quit}");
        return checks.Finding();
    }

    /// <summary>RFC 4954 §3, §4: what can be seen without a password.</summary>
    private static async Task<Finding> AuthenticationAsync(Visit visit)
    {
        await using var peer = await visit.SecuredAsync();
        if (!peer.Offers("AUTH"))
        {
            return Finding.Fail("AUTH is not announced");
        }

        var checks = new Checks();
        checks.Must(peer.Mechanisms.Length > 0, $"AUTH {string.Join(' ', peer.Mechanisms)}");
        var unknown = await peer.AskAsync("AUTH X-NOBODY-HAS-THIS");
        checks.Must(unknown.Code is 504 or 535, $"unknown mechanism: {unknown}");
        var mail = await peer.MailAsync(visit);
        if (mail.Code == 250)
        {
            var inside = await peer.AskAsync($"AUTH {peer.Mechanisms.FirstOrDefault() ?? "PLAIN"}");
            checks.Must(inside.Code == 503, $"AUTH inside a transaction: {inside}");
        }
        else
        {
            checks.Must(mail.Code == 530, $"MAIL before AUTH: {mail}");
        }

        return checks.Finding();
    }

    /// <summary>RFC 5321 §4.1.1.1, RFC 6531 §3.2.</summary>
    private static async Task<Finding> NegotiationAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        checks.Must(peer.Extensions.Any(), $"EHLO: {string.Join(", ", peer.Extensions)}");
        checks.Should(peer.Offers("SMTPUTF8"), peer.Offers("SMTPUTF8") ? "SMTPUTF8 offered" : "no SMTPUTF8");
        await using var old = await visit.ConnectAsync(visit.Target.Smtp);
        var hello = await old.AskAsync($"HELO {old.OwnName}");
        checks.Must(hello is { Code: 250, Lines.Count: 1 }, $"HELO: {hello.Code}, {hello.Lines.Count} line(s)");
        var bare = await old.AskAsync("EHLO");
        checks.Must(bare.Code == 501, $"EHLO without a name: {bare}");
        return checks.Finding();
    }

    /// <summary>RFC 5321 §2.4, §4.1.1, §4.5.3.1.4, §2.3.8.</summary>
    private static async Task<Finding> SyntaxAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        var lower = await peer.AskAsync("mail from:<>");
        checks.Must(lower.Code == 250, $"verbs in lower case: {lower}");
        await peer.AskAsync("RSET");
        var path = await peer.AskAsync("MAIL FROM:<a@b@c>");
        checks.Should(path.IsPermanent, $"two @ in a path: {path}");
        await peer.AskAsync("RSET");
        var longest = await peer.AskAsync("NOOP " + new string('x', CommandLineOctets - 7));
        checks.Must(longest.Code == 250, $"a line of {CommandLineOctets} octets: {longest}");
        var unknown = await peer.AskAsync("XYZZY");
        checks.Must(unknown.Code is 500 or 502, $"unknown verb: {unknown}");
        checks.Must(await InStepAsync(peer), "NOOP after each");
        if (visit.Target.Recipient is not null)
        {
            await BareLineFeedAsync(visit, peer, checks);
        }
        else
        {
            checks.Untried("LF.LF in a message: give --recipient");
        }

        return checks.Finding();
    }

    /// <summary>RFC 5321 §2.3.8, §4.1.1.4: CRLF.CRLF ends a message; anything else lets mail be smuggled in.</summary>
    private static async Task BareLineFeedAsync(Visit visit, SmtpPeer peer, Checks checks)
    {
        var ready = await peer.AskAllAsync(
            $"MAIL FROM:<{visit.Target.Sender}>", $"RCPT TO:<{visit.Recipient}>", "DATA");
        if (ready.Code != 354)
        {
            checks.Must(false, $"no message is taken for --recipient: {ready}");
            return;
        }

        await peer.Client.SendAsync(visit.Message("OXSMTP-GEN-04") + "\r\nbefore\n.\nNOOP\r\n");
        var early = await peer.Client.ReadSmtpAsync(TimeSpan.FromSeconds(1));
        if (!checks.Must(early.Lines.Count == 0 || early.IsPermanent, $"LF.LF: {early} before CRLF.CRLF"))
        {
            return;
        }

        var end = early.Lines.Count == 0 ? await peer.AskAsync(".") : early;
        checks.Must(end.Code == 250 || end.IsPermanent, $"CRLF.CRLF after LF.LF: {end}");
    }

    private static async Task<bool> InStepAsync(SmtpPeer peer) => (await peer.AskAsync("NOOP")).Code == 250;

    /// <summary>RFC 6531 §3.1, §3.4, §3.7.4.</summary>
    private static async Task<Finding> InternationalAsync(Visit visit)
    {
        await using var peer = await visit.GreetedAsync();
        if (!peer.Offers("SMTPUTF8"))
        {
            return Finding.NotObservable("SMTPUTF8 is not offered, so nothing is asked of it");
        }

        var checks = new Checks();
        checks.Must(peer.Offers("8BITMIME"), peer.Offers("8BITMIME") ? "8BITMIME with it" : "without 8BITMIME");
        // "jörg" in UTF-8, written in the Latin-1 characters of its octets.
        var address = Encoding.Latin1.GetString("jörg@example.test"u8);
        var mail = await peer.AskAsync($"MAIL FROM:<{address}> SMTPUTF8");
        checks.Must(mail.Code == 250 || mail is { IsPermanent: true, Enhanced: not "5.6.7" and not "5.5.2" },
            $"UTF-8 sender with SMTPUTF8: {mail}");
        await peer.AskAsync("RSET");
        var without = await peer.AskAsync($"MAIL FROM:<{address}>");
        checks.Should(without.IsPermanent, $"without it: {without}");
        await peer.AskAsync("RSET");
        var valued = await peer.AskAsync("MAIL FROM:<> SMTPUTF8=1");
        checks.Must(valued.IsPermanent, $"SMTPUTF8=1: {valued}");
        return checks.Finding();
    }

    /// <summary>RFC 5321 §4.5.1, §4.5.5, §3.5.</summary>
    private static async Task<Finding> MinimumAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.ConnectAsync(visit.Target.Smtp);
        var hello = await peer.AskAsync($"HELO {peer.OwnName}");
        checks.Must(hello.Code == 250, $"HELO: {hello}");
        var help = await peer.AskAsync("HELP");
        checks.Should(help.Code is 211 or 214, $"HELP: {help}");
        var verify = await peer.AskAsync("VRFY postmaster");
        checks.Must(verify.Code is 250 or 251 or 252 or 502 or 550 or 553 or 554, $"VRFY: {verify}");
        var expand = await peer.AskAsync("EXPN staff");
        checks.Must(expand.Code is 250 or 252 or 500 or 502 or 550, $"EXPN: {expand}");
        var mail = await peer.AskAsync("MAIL FROM:<>");
        checks.Must(mail.Code == 250, $"null reverse-path: {mail}");
        var postmaster = await peer.AskAsync("RCPT TO:<Postmaster>");
        checks.Must(postmaster.Code is 250 or 251, $"RCPT TO:<Postmaster>: {postmaster}");
        if (visit.Target.Recipient is { } recipient)
        {
            var taken = await peer.AskAsync($"RCPT TO:<{recipient}>");
            checks.Must(taken.Code is 250 or 251, $"RCPT: {taken}");
        }

        var quit = await peer.AskAsync("QUIT");
        checks.Must(quit.Code == 221, $"QUIT: {quit}");
        return checks.Finding();
    }

    /// <summary>RFC 6409 §4.3, §6.1: nothing is taken from a stranger.</summary>
    private static async Task<Finding> SubmissionAsync(Visit visit)
    {
        var place = visit.Target.Submission ?? throw Visit.Missing("give --submission host:port");
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync(place);
        var reply = await peer.AskAllAsync("MAIL FROM:<>", "RCPT TO:<postmaster@example.test>");
        checks.Must(reply.Code is 530 or 550 or 554, $"mail without AUTH: {reply}");
        if (visit.Target is not { User: { } user, Password: { } password })
        {
            checks.Untried("mail after AUTH: give --user and --password-stdin");
            return checks.Finding();
        }

        await using var known = await visit.SecuredAsync();
        var login = await known.AskAsync($"AUTH PLAIN {SaslText.Plain(user, password)}");
        checks.Must(login.Code == 235, $"AUTH PLAIN: {login}");
        var mail = await known.AskAsync($"MAIL FROM:<{user}>");
        checks.Must(mail.Code == 250, $"MAIL after it: {mail}");
        return checks.Finding();
    }
}
