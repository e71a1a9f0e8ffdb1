using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>One node for all formats; each test has a user of its own.</summary>
public sealed class FormatNode : IDisposable
{
    private readonly Workplace _workplace = new();

    public FormatNode() => Running = Node.Start(new NodeSettings(_workplace) { SeedUsers = 30 });

    internal Node Running { get; }

    internal string File(string name) => _workplace.File(name);

    public void Dispose()
    {
        Running.Dispose();
        _workplace.Dispose();
    }
}

/// <summary>
/// Formats that we carry and never interpret: a real example of each goes in by DATA and by BDAT and comes out octet
/// for octet. What is signed or encrypted is made and checked by OpenSSL.
/// </summary>
public sealed class FormatTests(FormatNode fixture) : IClassFixture<FormatNode>
{
    private Node Node => fixture.Running;

    [Fact]
    [Trait("Requirement", "EX07-RFC-1740")]
    public void AppleDouble_is_carried() => Carries(1, """
        Content-Type: multipart/appledouble; boundary=mac

        --mac
        Content-Type: application/applefile; name="My-new-car"
        Content-Transfer-Encoding: base64

        AAUWBwACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwAAAAkAAAA+AAAAIAAAAAMAAABeAAAACg==
        --mac
        Content-Type: image/gif; name="My-new-car"
        Content-Transfer-Encoding: base64
        Content-Disposition: inline; filename="My-new-car"

        R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7
        --mac--
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-1741")]
    public void BinHex_is_carried_with_its_comment_and_colons() => Carries(2, """
        Content-Type: application/mac-binhex40; name="car.hqx"

        (This file must be converted with BinHex 4.0)

        :$f*TEQKPH#jfBfi!8d9c390"36!!N!-MG!"%i"FTF'9YFh4$G(0!!!!!N!-
        "!*!%!8%!N!3"!!!:
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-1896")]
    public void Enriched_text_is_carried() => Carries(3, """
        Content-Type: text/enriched; charset=us-ascii

        <bold>Now</bold> is the time for <italic>all</italic>

        good men <<and women> to <param></param> come.
        ..
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2387")]
    public void Related_parts_are_carried_in_their_order_with_start_and_type() => Carries(4, """
        Content-Type: multipart/related; boundary=example-1; start="<950120.aaCC@XIson.com>";
          type="Application/X-FixedRecord"; start-info="-o ps"

        --example-1
        Content-Type: Application/octet-stream
        Content-Description: The fixed length records
        Content-Transfer-Encoding: base64
        Content-ID: <950120.aaCB@XIson.com>

        T2xkIE1hY0RvbmFsZCBoYWQgYSBmYXJtCkUgSS
        --example-1
        Content-Type: Application/X-FixedRecord
        Content-ID: <950120.aaCC@XIson.com>

        25
        10
        --example-1--
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2557")]
    public void A_web_page_is_carried_with_its_locations() => Carries(5, """
        Content-Type: multipart/related; boundary="boundary-example"; type="text/html"
        Content-Location: http://www.ietf.example/

        --boundary-example
        Content-Type: text/html; charset="UTF-8"
        Content-Location: =?iso-8859-1?Q?fr=E8res?=.html
        Content-Transfer-Encoding: 8bit

        <IMG SRC="images/ietflogo.gif" ALT="IETF"> frères
        --boundary-example
        Content-Location: images/ietflogo.gif
        Content-Type: IMAGE/GIF
        Content-Transfer-Encoding: BASE64

        R0lGODlhGAGgAPEAAP/////ZRaCgoAAAACH+PUNvcHlyaWdodCAoQykgMTk5
        --boundary-example--
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2183")]
    public void Content_Disposition_is_carried_with_all_its_parameters() => Carries(6, """
        Content-Type: image/jpeg
        Content-Disposition: attachment; filename=genome.jpeg;
          modification-date="Wed, 12 Feb 1997 16:29:51 -0500"; size=3;x-unknown=1
        Content-Description: a complete map of the human genome
        Content-Transfer-Encoding: base64

        /9j/
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2231")]
    public void Parameters_in_pieces_and_character_sets_are_carried() => Carries(7, """
        Content-Type: application/x-stuff;
            title*0*=us-ascii'en'This%20is%20even%20more%20;
            title*1*=%2A%2A%2Afun%2A%2A%2A%20;
            title*2="isn't it!"
        Content-Disposition: attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.bin

        stuff
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-4288")]
    public void A_media_type_that_nobody_registered_is_carried() => Carries(8, """
        Content-Type: vnd/vnd.mailcluster.unheard-of+zip; version="2"; odd=!#$&.+-^_
        Content-Transfer-Encoding: 8bit

        öctets € of something
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-4289")]
    public void A_transfer_encoding_that_nobody_registered_is_carried() => Carries(9, """
        Content-Type: text/plain
        Content-Transfer-Encoding: x-uuencode-of-mine

        begin 644 cat
        #0V%T
        `
        end
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2426")]
    public void A_visiting_card_is_carried() => Carries(10, """
        Content-Type: text/directory; charset=utf-8; profile="vCard"
        Content-Transfer-Encoding: 8bit

        BEGIN:vCard
        VERSION:3.0
        FN:Jörg Müller
        N:Müller;Jörg;;Dr.;
        PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw
         8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/
        END:vCard
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2445")]
    [Trait("Requirement", "OFFINT-03")]
    public void A_calendar_is_carried_with_its_method_and_folded_lines() => Carries(11, $"""
        Content-Type: text/calendar; charset="utf-8"; method=PUBLISH; component=vevent
        Content-Transfer-Encoding: 8bit

        {Event("PUBLISH")}
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-2446")]
    [Trait("Requirement", "OFFINT-03")]
    public void A_request_and_its_reply_are_carried()
    {
        foreach (string method in new[] { "REQUEST", "REPLY", "CANCEL" })
        {
            Carries(12, $"""
                Content-Type: text/calendar; method={method}; charset=UTF-8

                {Event(method)}
                """);
        }
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-2447")]
    [Trait("Requirement", "OFFINT-03")]
    public void An_invitation_by_mail_keeps_the_order_of_its_alternatives() => Carries(13, $"""
        From: user1@example.com
        Subject: Einladung: Grüße aus Köln
        Content-Type: multipart/alternative; boundary="01BD3665.3AF0D360"

        --01BD3665.3AF0D360
        Content-Type: text/plain;charset=utf-8
        Content-Transfer-Encoding: 8bit

        Für Menschen
        --01BD3665.3AF0D360
        Content-Type: text/html;charset=utf-8
        Content-Transfer-Encoding: 8bit

        <p>Für Menschen</p>
        --01BD3665.3AF0D360
        Content-Type: text/calendar; method=REQUEST; charset=UTF-8
        Content-Transfer-Encoding: 8bit

        {Event("REQUEST")}
        --01BD3665.3AF0D360--
        """);

    [Fact]
    [Trait("Requirement", "EX07-RFC-3851")]
    public void A_signature_in_the_clear_is_good_after_the_journey()
    {
        byte[] message = OpenSsl("cms", "-sign", "-signer", Certificate(), "-inkey", Key(), "-subject", "signed");
        Assert.Contains("multipart/signed", Encoding.Latin1.GetString(message), StringComparison.Ordinal);

        Verify(Carries(14, message));
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-3851")]
    [Trait("Requirement", "EX07-RFC-2311")]
    public void An_opaque_signature_and_an_encrypted_message_are_good_after_the_journey()
    {
        byte[] signed = OpenSsl("smime", "-sign", "-nodetach", "-signer", Certificate(), "-inkey", Key());
        Assert.Contains("smime-type=signed-data", Encoding.Latin1.GetString(signed), StringComparison.Ordinal);
        Verify(Carries(15, signed));

        string encrypted = Carries(16, OpenSsl("smime", "-encrypt", "-aes256", Certificate()));
        string plain = Tool.Run(
            "openssl", "smime", "-decrypt", "-in", encrypted, "-recip", Certificate(), "-inkey", Key());
        Assert.Contains("confidential", plain, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-2634")]
    public void A_request_for_a_signed_receipt_is_carried()
    {
        string received = Carries(17, OpenSsl(
            "cms", "-sign", "-receipt_request_all", "-receipt_request_to", "sender@elsewhere.test", "-signer",
            Certificate(), "-inkey", Key()));

        Verify(received);
        Assert.Contains("sender@elsewhere.test", Tool.Run(
            "openssl", "cms", "-verify", "-in", received, "-CAfile", Certificate(), "-receipt_request_print", "-out",
            fixture.File("content")), StringComparison.Ordinal);
    }

    private static string Event(string method) => $"""
        BEGIN:VCALENDAR
        METHOD:{method}
        PRODID:-//ACME/DesktopCalendar//EN
        VERSION:2.0
        BEGIN:VEVENT
        ORGANIZER:mailto:user1@example.com
        ATTENDEE;ROLE=CHAIR;PARTSTAT=ACCEPTED;CN="Müller, Jörg":mailto:user1@exampl
         e.com
        DTSTART:20261112T170000Z
        DESCRIPTION:Grüße\, Köln\;
        {'\t'} folded
        SUMMARY:..
        UID:calsrv.example.com-873970198738777@example.com
        END:VEVENT
        END:VCALENDAR
        """;

    private void Carries(int user, string message) =>
        Carries(user, Encoding.UTF8.GetBytes($"From: sender@elsewhere.test\nMIME-Version: 1.0\n{message}\n"
            .ReplaceLineEndings("\r\n")));

    /// <returns>A file with the message as it was read.</returns>
    private string Carries(int user, byte[] message)
    {
        using (Dialogue smtp = Dialogue.Smtp(Node.Smtp))
        {
            Sending.Envelope(smtp, "sender@elsewhere.test", " BODY=8BITMIME", Node.User(user));
            Sending.ByDots(smtp, message);
            Sending.Envelope(smtp, "sender@elsewhere.test", " BODY=8BITMIME", Node.User(user));
            Sending.ByChunks(smtp, message, new Random(user), 300);
            smtp.Ask("QUIT", "221");
        }

        List<StoredMessage> received = Node.Mailbox(user);
        Assert.True(received.Count >= 2);
        received[^2].AssertIs(message);
        received[^1].AssertIs(message);
        string file = fixture.File($"received-{user}");
        File.WriteAllBytes(file, received[^1].Octets);
        return file;
    }

    private byte[] OpenSsl(params string[] arguments)
    {
        Tool.Require("openssl");
        string plain = fixture.File("plain");
        File.WriteAllText(plain, "Content-Type: text/plain\r\n\r\nconfidential  \r\n.\r\n..dots\r\n");
        // What it makes has its certificate last, so the input stands in front.
        string message = Tool.Run("openssl", [arguments[0], "-in", plain, .. arguments[1..]]);
        return Encoding.Latin1.GetBytes(message.ReplaceLineEndings("\r\n"));
    }

    private void Verify(string received) => Assert.Contains(
        "erification successful",
        Tool.Run(
            "openssl", "cms", "-verify", "-in", received, "-CAfile", Certificate(), "-out", fixture.File("content")),
        StringComparison.Ordinal);

    private string Certificate() => Made("signer.pem");

    private string Key() => Made("signer.key");

    /// <summary>The file of that name, once both are made.</summary>
    private string Made(string name)
    {
        if (!File.Exists(fixture.File("signer.pem")))
        {
            Tool.Run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                "/CN=Signer/emailAddress=sender@elsewhere.test", "-addext", "extendedKeyUsage=emailProtection",
                "-keyout", fixture.File("signer.key"), "-out", fixture.File("signer.pem"));
        }

        return fixture.File(name);
    }
}
