using System.Net;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// Mail programs that fetch: each finds everything once, and what it leaves on the server never twice.
/// </summary>
public sealed class Pop3ClientTests(ClientNode fixture) : IClassFixture<ClientNode>
{
    private Node Node => fixture.Running;

    [Fact]
    [Trait("Requirement", "STANXPOP3-CR-01")]
    [Trait("Requirement", "STANXPOP3-C0006")]
    [Trait("Requirement", "EX07-RFC-2449")]
    public void Python_s_poplib_uses_every_command()
    {
        Tool.Require("python3");
        Deliver(1, 3);
        string script = $"""
            import poplib, ssl
            context = ssl._create_unverified_context()
            p = poplib.POP3("{Node.Pop3.Address}", {Node.Pop3.Port})
            assert "<" not in p.getwelcome().decode(), p.getwelcome()
            before = p.capa()
            assert "USER" not in before and "STLS" in before and "TOP" in before, before
            p.stls(context)
            capa = p.capa()
            for line in ("TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"):
                assert capa[line] == [], (line, capa)
            assert capa["EXPIRE"] == ["NEVER"] and capa["LOGIN-DELAY"] == ["0"] and capa["UTF8"] == ["USER"], capa
            assert "PLAIN" in capa["SASL"] and "STLS" not in capa, capa
            p.utf8()
            p.user("{Node.User(1)}"); p.pass_("{Node.Password(1)}")
            assert "IMPLEMENTATION" in p.capa()
            count, size = p.stat()
            assert (count, size) == (3, sum(int(l.split()[1]) for l in p.list()[1]))
            assert p.list(2).split()[1:] == p.list()[1][1].split()
            assert p.retr(1)[1][-2:] == [b".", b"last"], p.retr(1)
            assert p.top(1, 1)[1][-2:] == [b"", b"."], p.top(1, 1)
            ids = [l.split()[1] for l in p.uidl()[1]]
            assert p.uidl(3).split()[2] == ids[2]
            assert p.noop() == b"+OK"
            p.dele(1); p.rset(); assert p.stat()[0] == 3
            p.dele(2)
            for refused in (lambda: p.retr(2), lambda: p.apop("a", "b"), lambda: p.retr(4), lambda: p.dele(0)):
                try:
                    refused()
                except poplib.error_proto:
                    continue
                assert False, "not refused"
            p.quit()
            p = poplib.POP3_SSL("{Node.Pop3s.Address}", {Node.Pop3s.Port}, context=context)
            p.user("{Node.User(1)}"); p.pass_("{Node.Password(1)}")
            assert [l.split()[1] for l in p.uidl()[1]] == [ids[0], ids[2]]
            p.quit()
            print("all well")
            """;
        Assert.Contains("all well", Tool.Run("python3", "-c", script), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Getmail_fetches_each_message_once_whether_or_not_it_deletes(int user, bool deletes)
    {
        Tool.Require("getmail");
        Deliver(user, 2);
        string folder = Directory.CreateDirectory(fixture.File($"getmail-{user}")).FullName;
        string mailbox = Path.Combine(folder, "fetched");
        File.WriteAllText(Path.Combine(folder, "rc"), $"""
            [retriever]
            type = SimplePOP3SSLRetriever
            server = {Node.Pop3s.Address}
            port = {Node.Pop3s.Port}
            username = {Node.User(user)}
            password = {Node.Password(user)}
            [destination]
            type = MDA_external
            path = /usr/bin/tee
            arguments = ("-a", "{mailbox}")
            allow_root_commands = true
            [options]
            read_all = false
            delete = {(deletes ? "true" : "false")}
            delivered_to = false
            received = false
            """ + "\n");
        string[] call = ["--getmaildir", folder, "--rcfile", "rc"];
        Tool.Run("getmail", call);
        AssertFetched(mailbox, "Subject: message 1", "Subject: message 2");
        Assert.Equal(deletes ? 0 : 2, Mailbox(user).Count);

        Node.Deliver(user, "Subject: message 3\r\n\r\nlast\r\n");
        Tool.Run("getmail", call);
        AssertFetched(mailbox, "Subject: message 1", "Subject: message 2", "Subject: message 3");
    }

    [Fact]
    public void Mutt_reads_copies_and_deletes()
    {
        Tool.Require("mutt");
        Tool.Require("script");
        Deliver(4, 2);
        string copy = fixture.File("mutt-box");
        Mutt(4, "pops", Node.Pop3s, $"<tag-pattern>~A<enter><tag-prefix><copy-message>{copy}<enter><quit>");
        AssertFetched(copy, "Subject: message 1", "Subject: message 2");
        Assert.Equal(2, Mailbox(4).Count);

        Mutt(4, "pop", Node.Pop3, "<delete-pattern>~s1<enter><quit>");
        Assert.Contains("Subject: message 2", Assert.Single(Mailbox(4)).Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0007")]
    public void Mpop_that_keeps_mail_on_the_server_fetches_each_message_once()
    {
        Tool.Require("mpop");
        Deliver(5, 2);
        string mailbox = fixture.File("mpop-keep");
        string configuration = fixture.File("mpoprc-keep");
        File.WriteAllText(configuration, $"""
            account test
            host {Node.Pop3s.Address}
            port {Node.Pop3s.Port}
            user {Node.User(5)}
            password {Node.Password(5)}
            tls on
            tls_starttls off
            tls_certcheck off
            keep on
            uidls_file {mailbox}.uidls
            delivery mbox {mailbox}
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        Tool.Run("mpop", "-C", configuration, "test");
        Node.Deliver(5, "Subject: message 3\r\n\r\nlast\r\n");
        Tool.Run("mpop", "-C", configuration, "test");
        AssertFetched(mailbox, "Subject: message 1", "Subject: message 2", "Subject: message 3");
        Assert.Equal(3, Mailbox(5).Count);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0007")]
    public void Fetchmail_that_keeps_mail_on_the_server_fetches_each_message_once()
    {
        Tool.Require("fetchmail");
        Deliver(6, 2);
        string mailbox = fixture.File("fetchmail-keep");
        string configuration = fixture.File("fetchmailrc-keep");
        File.WriteAllText(configuration, $"""
            poll {Node.Pop3.Address} service {Node.Pop3.Port} protocol POP3 timeout 30 uidl
              user "{Node.User(6)}" password "{Node.Password(6)}"
              sslproto "auto" no sslcertck keep no rewrite mda "cat >> {mailbox}"
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        Fetchmail(configuration);
        Node.Deliver(6, "Subject: message 3\r\n\r\nlast\r\n");
        Fetchmail(configuration);
        AssertFetched(mailbox, "Subject: message 1", "Subject: message 2", "Subject: message 3");
        Assert.Equal(3, Mailbox(6).Count);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0009")]
    public void Two_identical_copies_have_two_unique_ids()
    {
        Node.Deliver(7, "Subject: twin\r\n\r\nlast\r\n");
        Node.Deliver(7, "Subject: twin\r\n\r\nlast\r\n");
        List<StoredMessage> twins = Mailbox(7);
        Assert.Equal(2, twins.Count);
        Assert.NotEqual(twins[0].Uidl, twins[1].Uidl);
        Assert.All(twins, twin => Assert.Matches("^[0-9]{1,70}$", twin.Uidl));
    }

    private static void AssertFetched(string file, params string[] subjects) => Assert.Equal(
        subjects,
        File.ReadAllLines(file, Encoding.Latin1)
            .Where(line => line.StartsWith("Subject: ", StringComparison.Ordinal)));

    private List<StoredMessage> Mailbox(int user) =>
        Maildrop.Read(Node.Pop3s, Node.User(user), Node.Password(user), tls: true);

    private void Deliver(int user, int messages)
    {
        for (int i = 1; i <= messages; i++)
        {
            // As it is sent: one line of a dot.
            Node.Deliver(user, $"From: sender@elsewhere.test\r\nSubject: message {i}\r\n\r\n..\r\nlast\r\n");
        }
    }

    /// <summary>Mutt wants a terminal; what it shows there does not matter.</summary>
    private void Mutt(int user, string scheme, IPEndPoint pop3, string keys)
    {
        string configuration = fixture.File("muttrc");
        File.WriteAllText(configuration, $"""
            set pop_user="{Node.User(user)}"
            set pop_pass="{Node.Password(user)}"
            set ssl_force_tls=yes
            set ssl_verify_host=no
            set certificate_file="{fixture.Certificate}"
            set folder="{Path.GetDirectoryName(configuration)}"
            set pop_delete=yes
            set delete=yes
            set quit=yes
            set confirmappend=no
            set confirmcreate=no
            """ + "\n");
        string command =
            $"mutt -n -F {configuration} -f {scheme}://{pop3}/ -e 'push \"{keys}\"'";
        System.Diagnostics.ProcessStartInfo start = new("script", ["-qec", command, "/dev/null"]);
        start.Environment["HOME"] = Path.GetDirectoryName(configuration);
        start.Environment["TERM"] = "dumb";
        ToolResult result = Tool.Try(start, "");
        Assert.True(result.ExitCode == 0, result.Output);
    }

    private void Fetchmail(string configuration)
    {
        string folder = Path.GetDirectoryName(configuration)!;
        System.Diagnostics.ProcessStartInfo start = new("fetchmail",
        [
            "-f", configuration, "--nodetach", "--nosyslog", "--pidfile", fixture.File("fetchmail-keep.pid"),
            "--idfile", fixture.File("fetchids-keep"),
        ]);
        start.Environment["HOME"] = folder;
        start.Environment["FETCHMAILHOME"] = folder;
        ToolResult result = Tool.Try(start, null);
        Assert.True(result.ExitCode == 0, result.Output);
    }
}
