using System.Text;
using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>Quotas, their notices and retention on the real program, set by its own command line.</summary>
public sealed class QuotaTests
{
    private const string Sender = "sender@elsewhere.test";

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0003")]
    [Trait("Requirement", "EX07-RFC-1870")]
    public void A_mailbox_takes_mail_up_to_its_quota_and_a_removal_makes_room_at_once()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new(workplace) { SeedUsers = 2 });
        node.Deliver(1, Letter("first", 3000));
        long used = Quota(node, Node.User(1)).GetProperty("usedOctets").GetInt64();
        Assert.Equal(node.Mailbox(1).Sum(message => message.Octets.LongLength), used);
        Admin(node, "quota", "set", Node.User(1), "--storage", $"{used + 1000}", "--warning", "none");

        using (Dialogue smtp = Dialogue.Smtp(node.Smtp))
        {
            // Declared: to the octet. What is not declared has one octet at least.
            Rcpt(smtp, 1, " SIZE=1000", "250");
            Rcpt(smtp, 1, " SIZE=1001", "452 4.2.2");
            Rcpt(smtp, 1, $" SIZE={used + 1001}", "552 5.2.2");
            Rcpt(smtp, 1, "", "250");
            Rcpt(smtp, 2, " SIZE=1001", "250");
            smtp.Ask("RSET", "250");

            // What was accepted is delivered, beyond the quota too.
            Node.Deliver(smtp, 1, Letter("second", 2000));
            Rcpt(smtp, 1, "", "452 4.2.2");
            JsonElement full = Quota(node, Node.User(1));
            Assert.Equal("mailbox", full.GetProperty("storage").GetProperty("from").GetString());
            Assert.True(full.GetProperty("usedPercent").GetInt64() > 100);

            using (Dialogue pop3 = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1)))
            {
                pop3.Ask("DELE 1", "+OK");
                Rcpt(smtp, 1, "", "452 4.2.2");
                pop3.Ask("QUIT", "+OK");
            }

            Rcpt(smtp, 1, "", "250");
        }

        Admin(node, "quota", "set", "example.test", "--storage", "0");
        using Dialogue again = Dialogue.Smtp(node.Smtp);
        Rcpt(again, 2, "", "552 5.2.2");
        Rcpt(again, 1, "", "250");
        Admin(node, "quota", "set", Node.User(2), "--storage", "none");
        Rcpt(again, 2, "", "250");
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-1870")]
    public void A_full_mailbox_is_552_when_that_is_the_setting()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Root["Quota"] = new System.Text.Json.Nodes.JsonObject
        {
            ["StorageOctets"] = 5000,
            ["WarningPercent"] = null,
            ["OverQuotaReply"] = "Permanent",
        };
        using Node node = Node.Start(settings);
        node.Deliver(1, Letter("first", 6000));
        using Dialogue smtp = Dialogue.Smtp(node.Smtp);
        Rcpt(smtp, 1, "", "552 5.2.2");
        Assert.Equal(
            "configuration", Quota(node, Node.User(1)).GetProperty("storage").GetProperty("from").GetString());
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    [Trait("Requirement", "EX07-RFC-3834")]
    public void A_mailbox_that_is_nearly_full_holds_one_notice_over_a_kill()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        using (Node node = Node.Start(settings))
        {
            Admin(node, "quota", "set", "example.test", "--storage", "20K", "--warning", "50");
            node.Deliver(1, Letter("first", 6000));
            Assert.Single(node.Mailbox(1));
            node.Deliver(1, Letter("second", 6000));
            Until.True(() => node.Mailbox(1).Count == 3, "the notice is there");
            node.KillNow();
        }

        using Node again = Node.Start(settings);
        again.Deliver(1, Letter("third", 1000));
        List<StoredMessage> messages = again.Mailbox(1);
        Assert.Equal(4, messages.Count);
        StoredMessage notice = Assert.Single(messages, IsNotice);
        Assert.StartsWith("Return-Path: <>\r\n", notice.Text, StringComparison.Ordinal);
        Assert.Contains("\r\nFrom: <postmaster@example.test>\r\n", notice.Text, StringComparison.Ordinal);
        Assert.Contains($"\r\nTo: <{Node.User(1)}>\r\n", notice.Text, StringComparison.Ordinal);
        Assert.Contains("of the 20 KiB that it may hold", notice.Text, StringComparison.Ordinal);

        // Below, and above once more.
        using (Dialogue pop3 = Dialogue.Pop3(again.Pop3, Node.User(1), Node.Password(1)))
        {
            pop3.Ask("DELE 1", "+OK");
            pop3.Ask("DELE 2", "+OK");
            pop3.Ask("QUIT", "+OK");
        }

        again.Deliver(1, Letter("fourth", 9000));
        Until.True(() => again.Mailbox(1).Count(IsNotice) == 2, "the second notice is there");
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0005")]
    [Trait("Requirement", "STANXPOP3-C0004")]
    public void Retention_sweeps_under_an_open_session_that_goes_on()
    {
        Tool.Require("sqlite3");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Root["Quota"] = new System.Text.Json.Nodes.JsonObject { ["RetentionSweepInterval"] = "00:00:01" };
        using (Node node = Node.Start(settings))
        {
            node.Deliver(1, Letter("old", 100));
            node.Deliver(1, Letter("new", 100));
        }

        // As if the first one had come 40 days ago.
        string database = Path.Combine(workplace.DataDirectory, "mailcluster.db");
        Tool.Run("sqlite3", database,
            "UPDATE message SET internal_date = internal_date - 40 * 86400000 "
            + "WHERE number = (SELECT min(number) FROM message);"
            + "UPDATE folder SET oldest = oldest - 40 * 86400000 WHERE mailbox = (SELECT mailbox FROM message LIMIT 1);");
        using Node again = Node.Start(settings);
        using Dialogue pop3 = Dialogue.Pop3(again.Pop3, Node.User(1), Node.Password(1));
        Assert.StartsWith("+OK 2 ", pop3.Ask("STAT"), StringComparison.Ordinal);
        Admin(again, "quota", "set", "--tenant", "demo", "--retention", "30");
        Until.True(() => again.Log.Contains("Retention removed 1 messages from 1 mailboxes", StringComparison.Ordinal),
            "the sweep has removed it");

        pop3.Ask("RETR 1", "-ERR");
        pop3.Ask("TOP 1 0", "-ERR");
        pop3.Ask("RETR 2", "+OK");
        Assert.Contains("Subject: new", Encoding.Latin1.GetString(pop3.ReadMultiline()), StringComparison.Ordinal);
        Assert.StartsWith("+OK 2 ", pop3.Ask("STAT"), StringComparison.Ordinal);
        pop3.Ask("QUIT", "+OK");
        Assert.Single(again.Mailbox(1));
    }

    private static bool IsNotice(StoredMessage message) =>
        message.Text.Contains("\r\nAuto-Submitted: auto-generated\r\n", StringComparison.Ordinal);

    private static void Rcpt(Dialogue smtp, int user, string parameters, string reply)
    {
        smtp.Ask("RSET", "250");
        smtp.Ask($"MAIL FROM:<{Sender}>{parameters}", "250");
        smtp.Ask($"RCPT TO:<{Node.User(user)}>", reply);
    }

    private static string Letter(string subject, int octets) =>
        $"Subject: {subject}\r\n\r\n{string.Concat(Enumerable.Repeat(new string('x', 48) + "\r\n", octets / 50))}";

    private static JsonElement Quota(Node node, string name) =>
        JsonDocument.Parse(Admin(node, "quota", "show", name, "--json")).RootElement.Clone();

    private static string Admin(Node node, params string[] arguments) =>
        Tool.Run(Programs.MailCluster, [.. arguments, "--config", node.Configuration, "--url", node.Http.ToString()]);
}
