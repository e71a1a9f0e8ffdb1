using System.Globalization;
using System.Security.Authentication;

namespace MailCluster.Frontend.Conformance;

/// <summary>The SMTP extensions of Exchange's list of standards.</summary>
internal static class ExtensionProbes
{
    public static IEnumerable<Probe> All =>
    [
        new("EX07-RFC-1652", EightBitAsync),
        new("EX07-RFC-1870", SizeAsync),
        new("EX07-RFC-2034", EnhancedAsync),
        new("EX07-RFC-3463", StatusAsync),
        new("EX07-RFC-3030", ChunkingAsync),
        new("EX07-RFC-3207", StartTlsAsync),
        new("EX07-RFC-4346", TlsVersionAsync),
    ];

    private static async Task<Finding> EightBitAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        if (!checks.Must(peer.Offers("8BITMIME"), peer.Offers("8BITMIME") ? "offered" : "8BITMIME is not offered"))
        {
            return checks.Finding();
        }

        foreach (var body in new[] { "8BITMIME", "7BIT" })
        {
            var taken = await peer.MailAsync(visit, $" BODY={body}");
            checks.Must(taken.Code == 250, $"BODY={body}: {taken}");
            await peer.AskAsync("RSET");
        }

        var wrong = await peer.MailAsync(visit, " BODY=9BIT");
        checks.Must(wrong.Code is 501 or 555 or 504, $"BODY=9BIT: {wrong}");
        return checks.Finding();
    }

    private static async Task<Finding> SizeAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        if (!checks.Must(peer.Offers("SIZE"), peer.Offers("SIZE") ? $"SIZE {peer.Parameters("SIZE")}" : "no SIZE"))
        {
            return checks.Finding();
        }

        var small = await peer.MailAsync(visit, " SIZE=1000");
        checks.Must(small.Code == 250, $"SIZE=1000: {small}");
        await peer.AskAsync("RSET");
        var word = await peer.MailAsync(visit, " SIZE=many");
        checks.Must(word.Code == 501, $"SIZE=many: {word}");
        await peer.AskAsync("RSET");
        if (long.TryParse(peer.Parameters("SIZE"), NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit > 0)
        {
            var above = await peer.MailAsync(visit, $" SIZE={limit + 1}");
            checks.Must(above.Code == 552, $"SIZE={limit + 1}: {above}");
            checks.Should(above.Enhanced is null or "5.3.4", $"its code: {above}");
        }
        else
        {
            checks.Untried("above the limit: none is announced");
        }

        return checks.Finding();
    }

    /// <summary>RFC 2034 §4: a code on each reply but the greeting's and EHLO's, its class that of the reply.</summary>
    private static async Task<Finding> EnhancedAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        var isOffered = peer.Offers("ENHANCEDSTATUSCODES");
        if (!checks.Must(isOffered, isOffered ? "offered" : "ENHANCEDSTATUSCODES is not offered"))
        {
            return checks.Finding();
        }

        foreach (var command in new[]
        {
            "NOOP", "MAIL FROM:<>", "RCPT TO:<>", "RSET", "RCPT TO:<postmaster>", "VRFY postmaster", "MAIL FROM",
            "XYZZY", "QUIT",
        })
        {
            var reply = await peer.AskAsync(command);
            checks.Must(HasItsClass(reply), $"{command}: {reply}");
        }

        return checks.Finding();
    }

    private static bool HasItsClass(Reply reply) =>
        reply.Lines.Count > 0 && reply.Enhanced is { } enhanced && enhanced[0] == reply.First[0];

    /// <summary>RFC 3463 §3: the codes that fit what happened.</summary>
    private static async Task<Finding> StatusAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        var order = await peer.AskAsync("RCPT TO:<postmaster>");
        checks.Must(order.Enhanced == "5.5.1", $"RCPT first: {order}");
        var unknown = await peer.AskAsync("XYZZY");
        checks.Must(unknown.Enhanced is "5.5.1" or "5.5.2", $"unknown verb: {unknown}");
        var syntax = await peer.AskAsync("MAIL FROM");
        checks.Must(syntax.Enhanced is "5.5.2" or "5.5.4", $"MAIL without a path: {syntax}");
        var mail = await peer.MailAsync(visit);
        checks.Must(mail.Enhanced?.StartsWith("2.", StringComparison.Ordinal) == true, $"MAIL: {mail}");
        if (visit.Target.Recipient is not { } recipient)
        {
            checks.Untried("an unknown mailbox: give --recipient");
            return checks.Finding();
        }

        var known = await peer.AskAsync($"RCPT TO:<{recipient}>");
        checks.Must(known.Enhanced?.StartsWith("2.1.", StringComparison.Ordinal) == true, $"RCPT: {known}");
        var domain = recipient[(recipient.LastIndexOf('@') + 1)..];
        var nobody = await peer.AskAsync($"RCPT TO:<nobody-has-this-name@{domain}>");
        checks.Must(nobody.Enhanced == "5.1.1", $"RCPT, unknown mailbox: {nobody}");
        return checks.Finding();
    }

    private static async Task<Finding> ChunkingAsync(Visit visit)
    {
        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        if (!checks.Must(peer.Offers("CHUNKING"), peer.Offers("CHUNKING") ? "CHUNKING" : "CHUNKING is not offered"))
        {
            return checks.Finding();
        }

        var binary = peer.Offers("BINARYMIME");
        checks.Should(binary, binary ? "BINARYMIME" : "BINARYMIME is not offered");
        var early = await peer.AskAsync("BDAT 6\r\nNOOP");
        checks.Must(early.IsPermanent, $"BDAT without MAIL: {early}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"its chunk is read, NOOP: {noop}");
        await peer.AskAsync("RSET");
        var recipient = visit.Target.Recipient;
        if (recipient is null)
        {
            checks.Untried("a message in chunks: give --recipient");
            return checks.Finding();
        }

        if (binary)
        {
            var data = await peer.AskAllAsync(
                $"MAIL FROM:<{visit.Target.Sender}> BODY=BINARYMIME", $"RCPT TO:<{recipient}>", "DATA");
            checks.Must(data.IsPermanent, $"DATA with BINARYMIME: {data}");
            await peer.AskAsync("RSET");
        }

        await peer.AskAllAsync($"MAIL FROM:<{visit.Target.Sender}>", $"RCPT TO:<{recipient}>");
        var text = visit.Message("EX07-RFC-3030") + "\r\n";
        await peer.Client.SendAsync($"BDAT {text.Length}\r\n{text}");
        var first = await peer.Client.ReadSmtpAsync();
        checks.Must(first.Code == 250, $"BDAT: {first}");
        var mixed = await peer.AskAsync("DATA");
        checks.Must(mixed.IsPermanent, $"DATA after it: {mixed}");
        await peer.AskAsync("RSET");
        await peer.AskAllAsync($"MAIL FROM:<{visit.Target.Sender}>", $"RCPT TO:<{recipient}>");
        await peer.Client.SendAsync($"BDAT {text.Length} LAST\r\n{text}");
        var last = await peer.Client.ReadSmtpAsync();
        checks.Must(last.Code == 250, $"BDAT LAST: {last}");
        return checks.Finding();
    }

    /// <summary>RFC 3207 §4, §4.2.</summary>
    private static async Task<Finding> StartTlsAsync(Visit visit)
    {
        if (visit.Target.Tls == TlsUse.Implicit)
        {
            return Finding.NotRun("all is in TLS by --tls implicit");
        }

        var checks = new Checks();
        await using var peer = await visit.GreetedAsync();
        if (!checks.Must(peer.Offers("STARTTLS"), peer.Offers("STARTTLS") ? "offered" : "STARTTLS is not offered"))
        {
            return checks.Finding();
        }

        var word = await peer.AskAsync("STARTTLS now");
        checks.Must(word.Code == 501, $"with a parameter: {word}");
        await peer.MailAsync(visit);
        var ready = await peer.AskAsync("STARTTLS");
        if (ready.Code == 503)
        {
            // A transaction may stand in its way; then there is none to forget.
            await peer.AskAsync("RSET");
            ready = await peer.AskAsync("STARTTLS");
        }

        if (!checks.Must(ready.Code == 220, $"STARTTLS: {ready}"))
        {
            return checks.Finding();
        }

        await peer.Client.UpgradeAsync();
        await peer.Client.SendAsync("RCPT TO:<postmaster>\r\n");
        var forgotten = await peer.Client.ReadSmtpAsync();
        checks.Must(forgotten.IsPermanent, $"MAIL is forgotten, RCPT: {forgotten}");
        var hello = await peer.HelloAsync();
        checks.Must(hello.Code == 250, $"EHLO: {hello.Code}");
        checks.Must(!peer.Offers("STARTTLS"), peer.Offers("STARTTLS") ? "offered again in TLS" : "not offered again");
        await InjectAsync(visit, checks);
        return checks.Finding();
    }

    /// <summary>A command in the clear behind STARTTLS must not be obeyed in TLS; to close is as safe.</summary>
    private static async Task InjectAsync(Visit visit, Checks checks)
    {
        await using var peer = await visit.GreetedAsync();
        await peer.Client.SendAsync("STARTTLS\r\nNOOP\r\n");
        var ready = await peer.Client.ReadSmtpAsync();
        if (ready.Code != 220 || await peer.Client.TryUpgradeAsync() is not null)
        {
            checks.Must(true, "refused with a command behind it");
            return;
        }

        var hello = await peer.HelloAsync();
        checks.Must(hello.Lines.Count > 1, $"a command behind it is dropped, EHLO: {hello}, {hello.Lines.Count} lines");
    }

    private static async Task<Finding> TlsVersionAsync(Visit visit)
    {
        if (visit.Target.Tls == TlsUse.None)
        {
            return Finding.NotRun("no TLS by --tls none");
        }

        await using var peer = await visit.SecuredAsync();
        var version = peer.Client.TlsVersion;
        return version >= SslProtocols.Tls12 ? Finding.Pass($"{version}") : Finding.Fail($"{version}");
    }
}
