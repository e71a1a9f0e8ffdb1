using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>
/// Formats that a server carries and does not touch: a message of each goes in by SMTP and comes back by POP3, its MIME
/// fields and its body octet for octet.
/// </summary>
internal static class CarriedProbes
{
    private const string Calendar =
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@example.invalid\r\n"
        + "SUMMARY:R=C3=A9union\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    public static IEnumerable<Probe> All =>
    [
        Carried("EX07-RFC-4288", "application/x-unheard-of", "opaque  \r\n\tline\r\n"),
        Carried("EX07-RFC-4289", "text/plain", "whatever it means\r\n", "x-unheard-of"),
        Carried("EX07-RFC-2387", "multipart/related; boundary=b; type=\"text/html\"",
            Part("text/html", "<img src=3D\"cid:1@example.invalid\">\r\n") + Part("image/gif", "R0lGODdh\r\n") + "--b--\r\n"),
        Carried("EX07-RFC-2557", "multipart/related; boundary=b; type=\"text/html\"",
            "--b\r\nContent-Type: text/html\r\nContent-Location: http://example.invalid/\r\n\r\n<p>\r\n--b--\r\n"),
        Carried("EX07-RFC-1740", "multipart/appledouble; boundary=b",
            Part("application/applefile", "AAUWBwACAAA=\r\n") + Part("text/plain", "fork\r\n") + "--b--\r\n"),
        Carried("EX07-RFC-1741", "application/mac-binhex40", ":$f*TEQKPH#jdC@P!3!\r\n:\r\n"),
        Carried("EX07-RFC-1896", "text/enriched", "<bold>bold</bold>  <<not\r\n"),
        Carried("EX07-RFC-2426", "text/vcard", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Someone\r\nEND:VCARD\r\n"),
        Carried("EX07-RFC-2445", "text/calendar; charset=utf-8", Calendar, "quoted-printable"),
        Carried("EX07-RFC-2446", "text/calendar; method=REQUEST; charset=utf-8", Calendar, "quoted-printable"),
        Carried("EX07-RFC-2447", "multipart/alternative; boundary=b",
            Part("text/plain; charset=utf-8", "Réunion\r\n")
            + Part("text/calendar; method=REQUEST; charset=utf-8", Calendar) + "--b--\r\n", "8bit"),
        Carried("OFFINT-03", "multipart/mixed; boundary=b",
            Part("text/calendar; method=REQUEST; charset=utf-8", Calendar) + "--b--\r\n"),
        Carried("EX07-RFC-2311", "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
            "MIAGCSqGSIb3DQEHA6CAMIACAQAx\r\n", "base64"),
        Carried("EX07-RFC-2634", "multipart/signed; boundary=b; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
            Part("multipart/mixed; boundary=c", "--c\r\n\r\nreceipt, please\r\n--c--\r\n")
            + Part("application/pkcs7-signature", "MIAGCSqGSIb3DQEHAqCAMIACAQEx\r\n") + "--b--\r\n"),
        Carried("EX07-RFC-3851", "multipart/signed; boundary=b; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
            Part("text/plain", "trailing blanks  \r\n\r\n\r\nFrom here\r\n.dot\r\n-- \r\n")
            + Part("application/pkcs7-signature", "MIAGCSqGSIb3DQEHAqCAMIACAQEx\r\n") + "--b--\r\n"),
    ];

    private static string Part(string type, string body) => $"--b\r\nContent-Type: {type}\r\n\r\n{body}";

    private static Probe Carried(string id, string type, string body, string? encoding = null) =>
        new(id, visit => PlayAsync(visit, id, type, encoding, Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(body))));

    private static async Task<Finding> PlayAsync(Visit visit, string id, string type, string? encoding, string body)
    {
        _ = visit.Recipient;
        int have;
        await using (var before = await visit.MailboxAsync())
        {
            have = await MailboxProbes.CountAsync(before);
        }

        var fields = $"MIME-Version: 1.0\r\nContent-Type: {type}\r\n"
            + (encoding is null ? "" : $"Content-Transfer-Encoding: {encoding}\r\n");
        await visit.DeliverAsync(id, fields + "\r\n" + body.Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        await using var peer = await MailboxProbes.ArrivedAsync(visit, have + 1);
        var (_, lines) = await peer.AskLinesAsync($"RETR {have + 1}");
        var unstuffed = lines.Select(line => line.StartsWith('.') ? line[1..] : line);
        var message = string.Join("\r\n", unstuffed) + "\r\n";
        await peer.AskAsync($"DELE {have + 1}");
        await peer.AskAsync("QUIT");
        var checks = new Checks();
        var isFields = fields.Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .All(field => message.Contains($"\n{field}\r\n", StringComparison.Ordinal));
        checks.Must(isFields, isFields ? "MIME fields as sent" : "MIME fields changed");
        var isBody = message.EndsWith("\r\n\r\n" + body, StringComparison.Ordinal);
        checks.Must(isBody, isBody ? $"{body.Length} octets as sent" : "the body changed");
        return checks.Finding();
    }
}
