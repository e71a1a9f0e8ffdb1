using System.Net;
using System.Net.Mail;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>One node for all tests of real clients; each test has a user of its own.</summary>
public sealed class ClientNode : IDisposable
{
    private readonly Workplace _workplace = new();

    public ClientNode()
    {
        NodeSettings settings = new(_workplace) { SeedUsers = 30 };
        // as it is by default: a client that shows passwords does it under TLS
        settings.Pop3["LoginType"] = "SecureLogin";
        Running = Node.Start(settings);
    }

    internal Node Running { get; }

    /// <summary>The one that the node made itself.</summary>
    internal string Certificate => Path.Combine(_workplace.DataDirectory, "tls", "cert.pem");

    internal string File(string name) => _workplace.File(name);

    public void Dispose()
    {
        Running.Dispose();
        _workplace.Dispose();
    }
}

public sealed class ClientTests(ClientNode fixture) : IClassFixture<ClientNode>
{
    private const string Letter =
        "From: Sender <sender@elsewhere.test>\r\nSubject: by a real client\r\n\r\nfirst line\r\n.\r\n..dots\r\nlast line\r\n";

    private Node Node => fixture.Running;

    [Fact]
    [Trait("Requirement", "EX07-RFC-2821")]
    public void Curl_sends_to_the_gateway()
    {
        Tool.Require("curl");
        Tool.Run(
            "curl", "-sS", "--url", $"smtp://{Node.Smtp}/client.example.test", "--mail-from", "sender@elsewhere.test",
            "--mail-rcpt", Node.User(1), "--upload-file", LetterFile("curl"));
        AssertReceived(1, Letter);
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-3207")]
    public void Curl_sends_under_TLS_to_the_gateway()
    {
        Tool.Require("curl");
        Tool.Run("curl", "-sSk", "--ssl-reqd", "--url", $"smtp://{Node.Smtp}/client.example.test", "--mail-from",
            "sender@elsewhere.test",
            "--mail-rcpt", Node.User(2), "--upload-file", LetterFile("curl-tls"));
        AssertReceived(2, Letter);
        Assert.Contains("ESMTPS", Received(2), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, "PLAIN")]
    [InlineData(4, "LOGIN")]
    [Trait("Requirement", "EX07-RFC-4954")]
    [Trait("Requirement", "EX07-RFC-4409")]
    public void Curl_submits_with_each_mechanism(int user, string mechanism)
    {
        Tool.Require("curl");
        Tool.Run("curl", "-sSk", "--ssl-reqd", "--login-options", $"AUTH={mechanism}", "-u",
            $"{Node.User(user)}:{Node.Password(user)}",
            "--url", $"smtp://{Node.Endpoint("submission")}/client.example.test", "--mail-from", Node.User(user),
            "--mail-rcpt", Node.User(user), "--upload-file", LetterFile($"curl-{user}"));
        string text = Received(user);
        Assert.Contains("ESMTPSA", text, StringComparison.Ordinal);
        Assert.Contains("\r\nDate: ", text, StringComparison.Ordinal); // was missing, RFC 6409 §8.2
        Assert.Contains("\r\nMessage-ID: <", text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Submission_without_login_is_refused()
    {
        using Dialogue dialogue = Dialogue.Smtp(Node.Endpoint("submissions"), tls: true);
        dialogue.Ask($"MAIL FROM:<{Node.User(1)}>", "530 5.7.0");
    }

    [Fact]
    public void Curl_submits_under_implicit_TLS()
    {
        Tool.Require("curl");
        Tool.Run("curl", "-sSk", "-u", $"{Node.User(6)}:{Node.Password(6)}", "--url",
            $"smtps://{Node.Endpoint("submissions")}/client.example.test",
            "--mail-from", Node.User(6), "--mail-rcpt", Node.User(6), "--upload-file", LetterFile("curl-smtps"));
        Assert.Contains("first line", Received(6), StringComparison.Ordinal);
    }

    [Fact]
    public void Swaks_sends_with_pipelining_and_STARTTLS()
    {
        Tool.Require("swaks");
        Tool.Run(
            "swaks", "--server", Node.Smtp.Address.ToString(), "--port", $"{Node.Smtp.Port}", "--tls", "--pipeline",
            "--ehlo", "client.example.test", "--from", "sender@elsewhere.test", "--to", Node.User(7), "--data", Letter);
        Assert.Contains("first line", Received(7), StringComparison.Ordinal);
        Tool.Run("swaks", "--server", Node.Smtp.Address.ToString(), "--port", $"{Node.Smtp.Port}",
            "--ehlo", "client.example.test", "--from", "<>", "--to", $"{Node.User(7)},{Node.User(8)}", "--header",
            "Subject: null sender");
        Assert.StartsWith("Return-Path: <>\r\n", Received(8), StringComparison.Ordinal);
    }

    [Fact]
    public void Swaks_logs_in_and_is_refused_with_a_wrong_password()
    {
        Tool.Require("swaks");
        IPEndPoint submission = Node.Endpoint("submission");
        string[] common =
        [
            "--server", submission.Address.ToString(), "--port", $"{submission.Port}", "--tls", "--ehlo",
            "client.example.test",
            "--from", Node.User(9), "--to", Node.User(9), "--auth-user", Node.User(9),
        ];
        Tool.Run("swaks", [.. common, "--auth", "PLAIN", "--auth-password", Node.Password(9)]);
        Assert.Single(Mailbox(9));
        ToolResult refused = Tool.Try("swaks", null, [.. common, "--auth", "LOGIN", "--auth-password", "wrong"]);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("535 5.7.8", refused.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "SUPP-02")]
    [Trait("Requirement", "OXSMTP-GEN-10")]
    public void System_Net_Mail_sends_a_message_with_an_attachment_and_a_UTF8_subject()
    {
        using SmtpClient client = new(Node.Smtp.Address.ToString(), Node.Smtp.Port);
        using MailMessage message =
            new("sender@elsewhere.test", Node.User(10), "Grüße aus Köln", "Schöne Grüße\r\n.\r\nEnde");
        byte[] content = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("Anhang ", 20_000)));
        message.Attachments.Add(new Attachment(new MemoryStream(content), "anhang.bin"));
        client.Send(message);
        string text = Received(10);
        Assert.Contains("Subject: =?utf-8?", text, StringComparison.Ordinal);
        string encoded = Convert.ToBase64String(content);
        Assert.Contains(encoded[..60], text, StringComparison.Ordinal);
        Assert.Contains(encoded[^60..], text.Replace("\r\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Python_s_smtplib_and_poplib_send_and_read()
    {
        Tool.Require("python3");
        string script = $"""
            import poplib, smtplib, ssl
            context = ssl._create_unverified_context()
            with smtplib.SMTP("{Node.Smtp.Address}", {Node.Smtp.Port}) as s:
                s.ehlo("client.example.test")
                assert s.has_extn("size") and s.has_extn("chunking") and s.has_extn("smtputf8"), s.esmtp_features
                s.starttls(context=context)
                s.sendmail("sender@elsewhere.test", ["{Node.User(11)}"], b"Subject: one\r\n\r\n.\r\n..two\r\n")
                s.sendmail("", ["{Node.User(11)}"], b"Subject: two\r\n\r\nbody\r\n")
            p = poplib.POP3_SSL("{Node.Pop3s.Address}", {Node.Pop3s.Port}, context=context)
            assert "UIDL" in p.capa(), p.capa()
            p.user("{Node.User(11)}"); p.pass_("{Node.Password(11)}")
            count, size = p.stat()
            assert count == 2, count
            assert size == sum(int(l.split()[1]) for l in p.list()[1])
            lines = p.retr(1)[1]
            assert lines[-2:] == [b".", b"..two"], lines
            assert p.top(2, 0)[1][-1] == b"", p.top(2, 0)
            ids = [int(l.split()[1]) for l in p.uidl()[1]]
            assert ids == sorted(set(ids)), ids
            p.dele(1); p.rset(); p.dele(2); p.quit()
            p = poplib.POP3("{Node.Pop3.Address}", {Node.Pop3.Port})
            p.stls(context)
            p.user("{Node.User(11)}"); p.pass_("{Node.Password(11)}")
            assert p.stat()[0] == 1
            p.quit()
            print("all well")
            """;
        Assert.Contains("all well", Tool.Run("python3", "-c", script), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(12, "pop3s", "on", "off")]
    [InlineData(13, "pop3", "on", "on")]
    public void Mpop_fetches_and_deletes(int user, string binding, string tls, string startTls)
    {
        Tool.Require("mpop");
        Node.Deliver(user, Letter.Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        string mailbox = fixture.File($"mpop-{user}");
        IPEndPoint pop3 = Node.Endpoint(binding);
        string configuration = fixture.File($"mpoprc-{user}");
        File.WriteAllText(configuration, $"""
            account test
            host {pop3.Address}
            port {pop3.Port}
            user {Node.User(user)}
            password {Node.Password(user)}
            tls {tls}
            tls_starttls {startTls}
            tls_certcheck off
            keep off
            uidls_file {mailbox}.uidls
            delivery mbox {mailbox}
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        Tool.Run("mpop", "-C", configuration, "test");
        string text = File.ReadAllText(mailbox);
        Assert.Contains("first line\n.\n..dots\nlast line\n", text, StringComparison.Ordinal);
        Assert.Empty(Mailbox(user));
    }

    [Fact]
    [Trait("Requirement", "OFFINT-02")]
    public void Fetchmail_fetches_through_a_delivery_agent_and_deletes()
    {
        Tool.Require("fetchmail");
        Node.Deliver(14, Letter.Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        Node.Deliver(14, "Subject: second\r\n\r\nbody\r\n");
        string mailbox = fixture.File("fetchmail");
        string configuration = fixture.File("fetchmailrc");
        File.WriteAllText(configuration, $"""
            poll {Node.Pop3.Address} service {Node.Pop3.Port} protocol POP3 timeout 30
              user "{Node.User(14)}" password "{Node.Password(14)}"
              sslproto "auto" no sslcertck fetchall no rewrite mda "cat >> {mailbox}"
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        System.Diagnostics.ProcessStartInfo start = new(
            "fetchmail", ["-f", configuration, "--nodetach", "--nosyslog", "--pidfile", fixture.File("fetchmail.pid")]);
        start.Environment["HOME"] = Path.GetDirectoryName(mailbox);
        start.Environment["FETCHMAILHOME"] = Path.GetDirectoryName(mailbox);
        ToolResult result = Tool.Try(start, null);
        Assert.True(result.ExitCode == 0, result.Output);
        string text = File.ReadAllText(mailbox).ReplaceLineEndings("\n");
        Assert.Contains("first line\n.\n..dots\nlast line\n", text, StringComparison.Ordinal);
        Assert.Contains("Subject: second\n", text, StringComparison.Ordinal);
        Assert.Empty(Mailbox(14));
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-1939")]
    public void Curl_lists_reads_and_deletes()
    {
        Tool.Require("curl");
        Node.Deliver(15, Letter.Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        string url = $"pop3s://{Node.Pop3s}/";
        string[] login = ["-sSk", "-u", $"{Node.User(15)}:{Node.Password(15)}"];
        Assert.StartsWith("1 ", Tool.Run("curl", [.. login, url]), StringComparison.Ordinal);
        Assert.Contains("first line", Tool.Run("curl", [.. login, url + "1"]), StringComparison.Ordinal);
        Tool.Run("curl", [.. login, "-I", "-X", "DELE", url + "1"]);
        Assert.Empty(Mailbox(15));
    }

    [Theory]
    [InlineData("gateway", "smtp", "EHLO client.example.test")]
    [InlineData("pop3", "pop3", "CAPA")]
    [Trait("Requirement", "EX07-RFC-2595")]
    [Trait("Requirement", "EX07-RFC-4346")]
    public void Openssl_negotiates_TLS_1_3_and_1_2_and_no_older(string binding, string protocol, string command)
    {
        Tool.Require("openssl");
        IPEndPoint endpoint = Node.Endpoint(binding);
        foreach (string version in new[] { "-tls1_3", "-tls1_2" })
        {
            ToolResult result = Tool.Try("openssl", command + "\r\nQUIT\r\n",
                "s_client", "-connect", $"{endpoint}", "-starttls", protocol, version, "-quiet", "-ign_eof");
            Assert.True(result.ExitCode == 0, result.Output);
            Assert.DoesNotContain("STARTTLS", result.Output, StringComparison.Ordinal); // not offered again under TLS
        }

        ToolResult old = Tool.Try(
            "openssl", "QUIT\r\n", "s_client", "-connect", $"{endpoint}", "-starttls", protocol, "-tls1_1", "-quiet");
        Assert.NotEqual(0, old.ExitCode);
    }

    [Fact]
    public void IPv6_clients_are_served()
    {
        IPEndPoint smtp = Node.Endpoint("gateway", ipv6: true);
        IPEndPoint pop3 = Node.Endpoint("pop3", ipv6: true);
        using (Dialogue dialogue = Dialogue.Smtp(smtp))
        {
            Node.Deliver(dialogue, 16, "Subject: over IPv6\r\n\r\nbody\r\n");
            dialogue.Ask("QUIT", "221");
        }

        using Dialogue reader = Dialogue.Connect(pop3);
        reader.Expect("+OK");
        reader.Ask("STLS", "+OK");
        reader.UpgradeToTls();
        reader.Ask($"USER {Node.User(16)}", "+OK");
        reader.Ask($"PASS {Node.Password(16)}", "+OK");
        reader.Ask("STAT", "+OK 1 ");
        Assert.Contains("[IPv6:::1]", Received(16), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-3207")]
    public void The_first_octets_of_a_handshake_are_never_taken_for_pipelined_plain_text()
    {
        // The client's first flight is on its way as soon as the 220 is read; many at once, so that the server is late.
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using Dialogue smtp = Dialogue.Smtp(Node.Smtp);
            smtp.Ask("STARTTLS", "220");
            smtp.UpgradeToTls();
            smtp.Ask("NOOP", "250");
        });
    }

    [Fact]
    public void What_a_client_pipelines_behind_STARTTLS_is_not_taken_as_said_under_TLS()
    {
        using Dialogue smtp = Dialogue.Smtp(Node.Smtp);
        smtp.Send("STARTTLS\r\nMAIL FROM:<injected@elsewhere.test>\r\n");
        smtp.Expect("220");
        try
        {
            smtp.UpgradeToTls();
        }
        catch (Exception exception) when (
            exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            return; // ended: safe as well
        }

        smtp.Ask($"RCPT TO:<{Node.User(1)}>", "503");
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0010")]
    public void A_password_in_the_clear_is_refused_by_default()
    {
        using Dialogue pop3 = Dialogue.Connect(Node.Pop3);
        pop3.Expect("+OK");
        pop3.Ask($"USER {Node.User(1)}", "-ERR");
        pop3.Ask("USER nobody@example.test", "-ERR");
    }

    private string LetterFile(string name)
    {
        string file = fixture.File(name);
        File.WriteAllText(file, Letter);
        return file;
    }

    private void AssertReceived(int user, string letter) =>
        Assert.Single(Mailbox(user)).AssertIs(Encoding.Latin1.GetBytes(letter));

    private string Received(int user) => Mailbox(user)[^1].Text;

    private List<StoredMessage> Mailbox(int user) =>
        Maildrop.Read(Node.Pop3s, Node.User(user), Node.Password(user), tls: true);
}
