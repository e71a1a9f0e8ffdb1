using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>Mail that comes from another server: ids that clients know, the octets, and each message once.</summary>
public sealed class ImportTests : IDisposable
{
    private readonly Workplace _workplace = new();

    public void Dispose() => _workplace.Dispose();

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("%v.%u", new[] { "--uidl-format", "%v.%u" })]
    [InlineData("%f", new[] { "--uidl-format", "%f" })]
    [Trait("Requirement", "STANXPOP3-C0009")]
    [Trait("Requirement", "STANXPOP3-C0007")]
    public void What_Dovecot_showed_by_POP3_is_shown_to_the_letter_after_the_import(string format, string[] options)
    {
        using Dovecot dovecot = new(_workplace, format);
        string user = Node.User(1);
        FillMaildir(dovecot, user);
        List<StoredMessage> before = Maildrop.Read(dovecot.Pop3, user, Dovecot.Password);
        Delete(dovecot.Pop3, user, Dovecot.Password, 2);
        before.RemoveAt(1);
        using Node node = Node.Start(new NodeSettings(_workplace));
        node.Deliver(1, "Subject: before\r\n\r\nours\r\n");

        string said = Import(node, 0, ["maildir", dovecot.Maildir(user), "--uidl-from", "dovecot", .. options]).Output;

        Assert.Contains($"{before.Count} messages", said, StringComparison.Ordinal);
        List<StoredMessage> after = node.Mailbox(1);
        Assert.Equal(before.Select(message => message.Uidl), after.Skip(1).Select(message => message.Uidl));
        Assert.All(
            before.Zip(after.Skip(1)), pair => Assert.Equal(pair.First.Text, pair.Second.Text));
        node.Deliver(1, "Subject: after\r\n\r\nours\r\n");
        Delete(node.Pop3, user, Node.Password(1), 3);
        said = Import(node, 0, ["maildir", dovecot.Maildir(user), "--uidl-from", "dovecot", .. options]).Output;
        Assert.Contains(" 0 messages", said, StringComparison.Ordinal);
        node.KillNow();
        using Node again = Node.Start(new NodeSettings(_workplace));

        string[] left = [.. before.Select(message => message.Uidl).Where((_, index) => index != 1)];
        Assert.Equal(left, again.Mailbox(1).Skip(1).SkipLast(1).Select(message => message.Uidl));
        using Dialogue dialogue = Dialogue.Pop3(again.Pop3, user, Node.Password(1));
        Assert.Equal($"+OK 2 {left[0]}", dialogue.Ask("UIDL 2", "+OK"));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0009")]
    public void Clients_that_fetched_from_Dovecot_fetch_nothing_again()
    {
        Tool.Require("fetchmail", "mpop");
        using Dovecot dovecot = new(_workplace);
        string user = Node.User(1);
        FillMaildir(dovecot, user);
        Assert.Equal(0, Fetchmail(dovecot.Pop3, user, Dovecot.Password));
        Mpop(dovecot.Pop3, user, Dovecot.Password);
        long fetched = new FileInfo(_workplace.File("fetched")).Length;
        long fetchedByMpop = new FileInfo(_workplace.File("mpop-fetched")).Length;
        Assert.True(fetched > 1000 && fetchedByMpop > 1000, $"{fetched} {fetchedByMpop}");
        using Node node = Node.Start(new NodeSettings(_workplace));
        Import(node, 0, "maildir", dovecot.Maildir(user), "--uidl-from", "dovecot");

        // 1: nothing new.
        Assert.Equal(1, Fetchmail(node.Pop3, user, Node.Password(1)));
        Mpop(node.Pop3, user, Node.Password(1));

        Assert.Equal(fetched, new FileInfo(_workplace.File("fetched")).Length);
        Assert.Equal(fetchedByMpop, new FileInfo(_workplace.File("mpop-fetched")).Length);
        node.Deliver(1, "Subject: new\r\n\r\nbody\r\n");
        Assert.Equal(0, Fetchmail(node.Pop3, user, Node.Password(1)));
        Mpop(node.Pop3, user, Node.Password(1));
        Assert.True(new FileInfo(_workplace.File("fetched")).Length > fetched);
        Assert.True(new FileInfo(_workplace.File("mpop-fetched")).Length > fetchedByMpop);
    }

    [Fact]
    public void An_importer_that_is_killed_and_begun_again_brings_every_message_once()
    {
        const int Messages = 3000;
        string maildir = MakeMaildir(Messages);
        using Node node = Node.Start(new NodeSettings(_workplace));
        for (int round = 1; round <= 3; round++)
        {
            using Process importer = Process.Start(ImportStart(node, ["maildir", maildir]))!;
            int enough = round * 300;
            Until.True(() => importer.HasExited || Count(node) >= enough, $"{enough} messages are there");
            importer.Kill();
            importer.WaitForExit();
        }

        int killedAt = Count(node);
        Assert.InRange(killedAt, 900, Messages);
        ToolResult result = Import(node, 0, "maildir", maildir, "--json");

        AssertAllOnce(node, Messages);
        using JsonDocument report = JsonDocument.Parse(result.Output);
        Assert.Equal(Messages, report.RootElement.GetProperty("imported").GetInt32()
            + report.RootElement.GetProperty("alreadyThere").GetInt32());
        Assert.Equal(0, report.RootElement.GetProperty("skippedCount").GetInt32());
    }

    [Fact]
    public async Task A_node_that_is_killed_and_started_again_gets_every_message_once_from_the_same_run()
    {
        const int Messages = 3000;
        string maildir = MakeMaildir(Messages);
        NodeSettings settings = new(_workplace);
        Node node = Node.Start(settings);
        settings.Root["Http"]!["Endpoint"] = node.Endpoint("http").ToString();
        try
        {
            ProcessStartInfo start = ImportStart(node, ["maildir", maildir]);
            Task<ToolResult> import = Task.Run(() => Tool.Try(start, null), TestContext.Current.CancellationToken);
            for (int round = 1; round <= 2; round++)
            {
                Until.True(
                    () => import.IsCompleted || Count(node) >= round * 400, $"{round * 400} messages are there");
                node.KillNow();
                node.Dispose();
                node = Node.Start(settings);
            }

            ToolResult result = await import;
            Assert.True(result.ExitCode == 0, result.Output);
            AssertAllOnce(node, Messages);
        }
        finally
        {
            node.Dispose();
        }
    }

    [Fact]
    public void An_mbox_comes_unquoted_with_its_dates_and_ids_and_large_messages_come_whole()
    {
        const string Mark = "From a@b.test Fri Jul  8 12:08:34 2011\n";
        string large = string.Concat(Enumerable.Range(0, 40_000)
            .Select(line => $"line {line} {new string('x', 60)}\n"));
        string mbox = _workplace.Write(
            "mbox",
            $"{Mark}Subject: 1\nX-UIDL: first!\n\n>From here\n>>From there\n.\n\n{Mark}Subject: 2\n\n{large}\n{Mark}Subject: 3\n\nno end");
        using Node node = Node.Start(new NodeSettings(_workplace));

        Import(node, 0, "mbox", mbox, "--uidl-from", "x-uidl", "--dry-run");
        Assert.Empty(node.Mailbox(1));
        string said = Import(node, 0, "mbox", mbox, "--uidl-from", "x-uidl").Output;
        Assert.Contains("3 messages", said, StringComparison.Ordinal);
        Assert.Contains("2 had no unique-id", said, StringComparison.Ordinal);
        Import(node, 0, "mbox", mbox, "--uidl-from", "x-uidl");

        List<StoredMessage> messages = node.Mailbox(1);
        Assert.Equal(
            ["Subject: 1\r\nX-UIDL: first!\r\n\r\nFrom here\r\n>From there\r\n.\r\n",
                $"Subject: 2\r\n\r\n{large.ReplaceLineEndings("\r\n")}", "Subject: 3\r\n\r\nno end\r\n"],
            messages.Select(message => message.Text));
        Assert.Equal("first!", messages[0].Uidl);
        Assert.True(long.Parse(messages[2].Uidl, CultureInfo.InvariantCulture)
            > long.Parse(messages[1].Uidl, CultureInfo.InvariantCulture));
        string shown = Tool.Run(Programs.MailCluster, "mailbox", "show", Node.User(1), "--config", node.Configuration,
            "--url", node.Http.ToString());
        Assert.Contains("Oldest\t2011-07-08 12:08:34 UTC", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_is_short_of_disk_takes_no_upload()
    {
        Tool.Require("curl");
        NodeSettings settings = new(_workplace);
        settings.BackPressure["MinFreeDisk"] = long.MaxValue;
        using Node node = Node.Start(settings);
        string token = File.ReadAllText(Path.Combine(_workplace.DataDirectory, "admin.token")).Trim();

        string said = Tool.Run("curl", "-sS", "-H", $"Authorization: Bearer {token}", "-H",
            "Content-Type: multipart/mixed; boundary=b", "--data-binary", "--b--\r\n",
            $"{node.Http}admin/v1/mailboxes/{Node.User(1)}/messages");

        Assert.Contains("\"status\":503", said, StringComparison.Ordinal);
        Assert.Contains("takes no messages now", said, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_imported_is_told_with_an_exit_code()
    {
        using Node node = Node.Start(new NodeSettings(_workplace));
        string mbox = _workplace.Write("mbox", "Subject: x\n\nbody\n");

        Assert.Contains("is no Maildir", Import(node, 66, "maildir", _workplace.Folder).Output,
            StringComparison.Ordinal);
        Assert.Contains("is no mbox", Import(node, 66, "mbox", mbox).Output, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Import(node, 66, "mbox", _workplace.File("missing")).Output,
            StringComparison.Ordinal);
        Assert.Contains("dovecot-uidlist",
            Import(node, 66, "maildir", MakeMaildir(1), "--uidl-from", "dovecot").Output, StringComparison.Ordinal);
        Assert.Contains("%m", Import(
            node, 64, "maildir", _workplace.Folder, "--uidl-from", "dovecot", "--uidl-format", "%m").Output,
            StringComparison.Ordinal);
        Assert.Contains("No such mailbox", Tool.Try(
            Programs.MailCluster, null, "import", "mbox", mbox, "--mailbox", "nobody@example.test", "--config",
            node.Configuration, "--url", node.Http.ToString()).Output, StringComparison.Ordinal);
        node.Stop();
        Assert.Contains("No node answers", Import(node, 69, "mbox", mbox).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_import_of_the_documentation_works_as_it_is_written()
    {
        using Dovecot dovecot = new(_workplace);
        string user = Node.User(1);
        FillMaildir(dovecot, user);
        Maildrop.Count(dovecot.Pop3, user, Dovecot.Password);
        string mbox = _workplace.Write(
            "mbox", "From a@b.test Fri Jul  8 12:08:34 2011\nSubject: 1\nX-UIDL: one\n\nbody\n\n");
        using Node node = Node.Start(new NodeSettings(_workplace));
        const string Prefix = "mailcluster import ";
        List<string> commands = [.. File.ReadLines(Path.Combine(Programs.Root, "docs/import.md"))
            .Select(line => line.Trim()).Where(line => line.StartsWith(Prefix, StringComparison.Ordinal))];
        Assert.Equal(6, commands.Count);
        foreach (string command in commands)
        {
            string[] words = command[Prefix.Length..]
                .Replace("/var/vmail/example.test/alice/Maildir", dovecot.Maildir(user), StringComparison.Ordinal)
                .Replace("/var/mail/alice", mbox, StringComparison.Ordinal)
                .Replace(" --mailbox alice@example.test", "", StringComparison.Ordinal).Split(' ');
            Import(node, 0, words);
        }

        Assert.Equal(6, Count(node));
    }

    private static void FillMaildir(Dovecot dovecot, string user)
    {
        string[] names =
        [
            "cur/1719400000.M1P2.host:2,S", "new/1719400001.M1P2.host", "cur/1719400002.M9P2.host,S=32:2,RF",
            "cur/1719400002.M10P2.host:2,", "new/1719400003.M1P2.host",
        ];
        string[] texts =
        [
            "From: a@b.test\nSubject: first\n\n.\n..\n>From here\n", "Subject: CRLF\r\n\r\nbody\r\n",
            "Subject: no final line end\n\nlast", "Subject: 8 bit \u00e9\n\n" + new string('x', 300_000) + "\n\n\n",
            "Subject: header only\n",
        ];
        foreach ((string name, string text) in names.Zip(texts))
        {
            dovecot.Deliver(user, name, text);
        }
    }

    private static void Delete(IPEndPoint pop3, string user, string password, int number)
    {
        using Dialogue dialogue = Dialogue.Pop3(pop3, user, password);
        dialogue.Ask($"DELE {number}", "+OK");
        dialogue.Ask("QUIT", "+OK");
    }

    private static int Count(Node node) => Maildrop.Count(node.Pop3, Node.User(1), Node.Password(1));

    private static void AssertAllOnce(Node node, int messages)
    {
        List<StoredMessage> found = node.Mailbox(1);
        Assert.Equal(Enumerable.Range(0, messages).Select(Text), found.Select(message => message.Text));
        Assert.Equal(messages, found.Select(message => message.Uidl).Distinct().Count());
    }

    private static string Text(int number) =>
        $"Subject: {number}\r\n\r\n{new string('x', number % 300 == 0 ? 200_000 : number % 500)}\r\n";

    private static ToolResult Import(Node node, int expected, params string[] arguments)
    {
        ToolResult result = Tool.Try(ImportStart(node, arguments), null);
        Assert.True(result.ExitCode == expected, $"exit code {result.ExitCode}\n{result.Output}");
        return result;
    }

    private static ProcessStartInfo ImportStart(Node node, string[] arguments) => new(
        Programs.MailCluster,
        ["import", .. arguments, "--mailbox", Node.User(1), "--config", node.Configuration, "--url",
            node.Http.ToString()]);

    private string MakeMaildir(int messages)
    {
        string maildir = _workplace.File("Maildir");
        foreach (string folder in new[] { "cur", "new", "tmp" })
        {
            Directory.CreateDirectory(Path.Combine(maildir, folder));
        }

        for (int i = 0; i < messages; i++)
        {
            File.WriteAllText(
                Path.Combine(maildir, "cur", $"1719400000.M{i}P1.host:2,S"), Text(i).ReplaceLineEndings("\n"));
        }

        return maildir;
    }

    private int Fetchmail(IPEndPoint pop3, string user, string password)
    {
        string configuration = _workplace.Write("fetchmailrc", $"""
            poll {pop3.Address} service {pop3.Port} protocol POP3 uidl timeout 30
              user "{user}" password "{password}" keep no rewrite sslproto "" mda "cat >> {_workplace.File("fetched")}"
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        ProcessStartInfo start = new("fetchmail",
            ["-f", configuration, "--nodetach", "--nosyslog", "--pidfile", _workplace.File("fetchmail.pid"), "--idfile",
                _workplace.File("fetchmail.ids")]);
        start.Environment["HOME"] = _workplace.Folder;
        start.Environment["FETCHMAILHOME"] = _workplace.Folder;
        ToolResult result = Tool.Try(start, null);
        Assert.True(result.ExitCode is 0 or 1, result.Output);
        return result.ExitCode;
    }

    private void Mpop(IPEndPoint pop3, string user, string password)
    {
        string configuration = _workplace.Write("mpoprc", $"""
            account test
            host {pop3.Address}
            port {pop3.Port}
            user {user}
            password {password}
            tls off
            auth user
            keep on
            only_new on
            uidls_file {_workplace.File("mpop.uidls")}
            delivery mbox {_workplace.File("mpop-fetched")}
            """ + "\n");
        Tool.Run("chmod", "600", configuration);
        Tool.Run("mpop", "-C", configuration, "test");
    }
}
