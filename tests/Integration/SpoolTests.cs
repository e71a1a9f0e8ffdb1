using System.Diagnostics;
using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// A mailbox that really cannot be loaded, because its INBOX is not where it belongs in the store: what was accepted
/// for it is acknowledged, kept and delivered later.
/// </summary>
[Trait("Requirement", "OXSMTP-EV-18")]
public sealed class SpoolTests
{
    [Fact]
    public async Task What_a_broken_mailbox_cannot_take_is_acknowledged_survives_kill_9_and_arrives_once_when_mended()
    {
        Tool.Require("sqlite3");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Gateway["MaxAcknowledgementDelay"] = "00:00:03";
        using (Node node = Node.Start(settings))
        {
            Break(settings);
            using Dialogue slow = Begin(node, "both", 1, 2);
            long started = Stopwatch.GetTimestamp();
            slow.SendLine(".");
            node.Deliver(2, "Subject: alone\r\n\r\nbody\r\n");
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 2.5); // nobody waits for another
            slow.Expect("250 2.0.0");
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 2.9, 10);
            slow.Ask("NOOP", "250");

            Assert.Equal(["alone", "both"], Subjects(node, 2).Order());
            JsonElement row = Assert.Single(Queue(node));
            Assert.Equal(Node.User(1), row.GetProperty("recipient").GetString());
            Assert.Equal("sender@elsewhere.test", row.GetProperty("sender").GetString());
            Until.True(
                () => Queue(node)[0].GetProperty("lastError").GetString() == "the mailbox could not be loaded",
                "the attempt is noted");
            Assert.Contains("mailcluster_spool_length 1\n", await MetricsAsync(node), StringComparison.Ordinal);
            Assert.Contains("_spool_acknowledged_early_total 1\n", await MetricsAsync(node), StringComparison.Ordinal);
            Assert.Empty(Queue(node, "--mailbox", Node.User(2)));
            Assert.Single(Queue(node, "--mailbox", Node.User(1), "--recipient", Node.User(1), "--domain",
                "example.test"));
            node.KillNow();
        }

        using Node again = Node.Start(settings);
        string id = Assert.Single(Queue(again)).GetProperty("id").GetString()!;
        Assert.Contains("could not be loaded", Admin(again, "queue", "show", id), StringComparison.Ordinal);
        again.Deliver(1, "Subject: later\r\n\r\nbody\r\n");
        Assert.Equal(2, Queue(again).Count);
        Assert.Single(Queue(again, "--limit", "1"));
        Assert.Single(Queue(again, "--after", id));

        Mend(settings);
        Admin(again, "queue", "retry", id);
        Admin(again, "queue", "retry", "--all");
        Until.True(() => Queue(again).Count == 0, "the queue is empty");
        Assert.Equal(["both", "later"], Subjects(again, 1).Order());
        Assert.Equal(2, Subjects(again, 2).Count);
        Assert.Equal(1, TryAdmin(again, "queue", "show", id).ExitCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_whose_time_is_over_while_its_message_waits_hears_250_and_then_421(bool tls)
    {
        Tool.Require("sqlite3");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["ConnectionTimeout"] = "00:00:06";
        using Node node = Node.Start(settings);
        Break(settings);
        long started = Stopwatch.GetTimestamp();
        using Dialogue dialogue = Begin(node, "late", tls, 1);
        dialogue.Ask(".", "250 2.0.0");
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 5, 20);
        dialogue.Expect("421 4.4.2");
        dialogue.ExpectEnd();

        Mend(settings);
        Until.True(() => Queue(node).Count == 0, "the queue is empty");
        Assert.Equal(["late"], Subjects(node, 1));
    }

    [Fact]
    public void A_node_that_drains_acknowledges_what_waits_and_the_next_start_delivers_it()
    {
        Tool.Require("sqlite3");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        using (Node node = Node.Start(settings))
        {
            Break(settings);
            using Dialogue dialogue = Begin(node, "drained", 1);
            dialogue.SendLine(".");
            Until.True(() => Queue(node).Count == 1, "it is in the spool");
            long started = Stopwatch.GetTimestamp();
            node.Terminate();
            dialogue.Expect("250 2.0.0");
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 10);
            dialogue.Expect("421 4.3.2");
            Assert.Equal(0, node.WaitForExit());
        }

        Mend(settings);
        using Node again = Node.Start(settings);
        Until.True(() => Queue(again).Count == 0, "the queue is empty");
        Assert.Equal(["drained"], Subjects(again, 1));
    }

    [Fact]
    public void Mail_for_a_mailbox_that_was_removed_meanwhile_stays_to_be_seen()
    {
        Tool.Require("sqlite3");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["MaxAcknowledgementDelay"] = "00:00:00";
        using Node node = Node.Start(settings);
        Break(settings);
        node.Deliver(1, "Subject: orphan\r\n\r\nbody\r\n");
        Admin(node, "user", "remove", Node.User(1));
        Admin(node, "queue", "retry", "--all");
        Until.True(() => Queue(node)[0].GetProperty("nextAttempt").ValueKind == JsonValueKind.Null, "it is given up");
        Assert.Equal("the mailbox was removed", Queue(node)[0].GetProperty("lastError").GetString());
        Assert.Contains("given up", Admin(node, "queue", "list"), StringComparison.Ordinal);
    }

    private static async Task<string> MetricsAsync(Node node)
    {
        using HttpClient http = new() { BaseAddress = node.Http };
        return await http.GetStringAsync("metrics", TestContext.Current.CancellationToken);
    }

    /// <summary>Everything but the final dot.</summary>
    private static Dialogue Begin(Node node, string subject, params int[] users) => Begin(node, subject, false, users);

    private static Dialogue Begin(Node node, string subject, bool tls, params int[] users)
    {
        Dialogue dialogue = Dialogue.Smtp(node.Smtp);
        if (tls)
        {
            dialogue.Ask("STARTTLS", "220");
            dialogue.UpgradeToTls();
            dialogue.Ask("EHLO client.example.test", "250");
        }

        dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        foreach (int user in users)
        {
            dialogue.Ask($"RCPT TO:<{Node.User(user)}>", "250");
        }

        dialogue.Ask("DATA", "354");
        dialogue.Send($"Subject: {subject}\r\n\r\nbody\r\n");
        return dialogue;
    }

    private static void Break(NodeSettings settings) => MoveInbox(settings, from: "1", to: "4711");

    private static void Mend(NodeSettings settings) => MoveInbox(settings, from: "4711", to: "1");

    private static void MoveInbox(NodeSettings settings, string from, string to) => Tool.Run(
        "sqlite3",
        "-cmd",
        ".timeout 20000",
        Path.Combine(settings.Workplace.DataDirectory, "mailcluster.db"),
        $"UPDATE folder SET id = {to} WHERE id = {from} AND mailbox = "
            + "(SELECT id FROM account WHERE folded = 'user0001')");

    private static List<JsonElement> Queue(Node node, params string[] words)
    {
        using JsonDocument list = JsonDocument.Parse(Admin(node, ["queue", "list", "--json", .. words]));
        return [.. list.RootElement.EnumerateArray().Select(row => row.Clone())];
    }

    private static List<string> Subjects(Node node, int user) =>
        [.. node.Mailbox(user).Select(message => message.Text.Split("\r\n")
            .First(line => line.StartsWith("Subject: ", StringComparison.Ordinal))["Subject: ".Length..])];

    private static string Admin(Node node, params string[] words)
    {
        ToolResult result = TryAdmin(node, words);
        Assert.True(result.ExitCode == 0, result.Output);
        return result.Output;
    }

    private static ToolResult TryAdmin(Node node, params string[] words) => Tool.Try(
        new ProcessStartInfo(
            Programs.MailCluster, [.. words, "--config", node.Configuration, "--url", node.Http.ToString()]),
        null);
}
