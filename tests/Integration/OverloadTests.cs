using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>More comes than the store can commit: the real program on a disk that is really slow.</summary>
public sealed class OverloadTests
{
    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public void A_store_that_is_slow_turns_new_strangers_away_and_nobody_else()
    {
        Tool.Require("strace");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace)
        {
            SeedUsers = 2,
            Wrapper =
            [
                "strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                "-e", "inject=fdatasync,fsync:delay_enter=300000",
            ],
        };
        settings.BackPressure["MaxCommitDelay"] = "00:00:00.1";
        // However slow the machine is: this is about the store.
        settings.BackPressure["MaxTurnDelay"] = "00:00:00";
        using Node node = Node.Start(settings);
        using Dialogue stranger = Dialogue.Smtp(node.Smtp);
        using Dialogue user = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        user.Ask($"AUTH PLAIN {Plain(1)}", "235");

        int delivered = 0;
        string greeting = "";
        Until.True(
            () =>
            {
                Send(user, Node.User(1));
                delivered++;
                using Dialogue newcomer = Dialogue.Connect(node.Smtp);
                greeting = newcomer.ReadReply();
                return greeting.StartsWith("421 4.3.2", StringComparison.Ordinal);
            },
            "a new stranger is turned away");

        // Who is there goes on, and who has a mailbox here is let in.
        Send(stranger, "sender@elsewhere.test");
        delivered++;
        using Dialogue other = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        other.Ask($"AUTH PLAIN {Plain(2)}", "235");
        Send(other, Node.User(2));
        delivered++;
        using Dialogue plain = Dialogue.Smtp(node.Endpoint("submission"));
        Assert.Equal(delivered, node.Mailbox(2).Count);
        Assert.Contains("BackPressure:MaxCommitDelay", node.Log, StringComparison.Ordinal);
        Assert.Contains(
            "mailcluster_edge_connections_shed_total{protocol=\"smtp\",who=\"stranger\",why=\"commit\"}",
            Metrics(node), StringComparison.Ordinal);

        // Once nothing waits, strangers are welcome.
        Until.True(
            () =>
            {
                using Dialogue newcomer = Dialogue.Connect(node.Smtp);
                return newcomer.ReadReply().StartsWith("220", StringComparison.Ordinal);
            },
            "a new stranger is greeted");
    }

    private static string Metrics(Node node)
    {
        using HttpClient client = new();
        return client.GetStringAsync(new Uri(node.Http, "metrics")).GetAwaiter().GetResult();
    }

    private static void Send(Dialogue dialogue, string sender)
    {
        dialogue.Ask($"MAIL FROM:<{sender}>", "250");
        dialogue.Ask($"RCPT TO:<{Node.User(2)}>", "250");
        dialogue.Ask("DATA", "354");
        dialogue.Send("Subject: slow\r\n\r\nbody\r\n");
        dialogue.Ask(".", "250");
    }

    private static string Plain(int user) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{Node.User(user)}\0{Node.Password(user)}"));
}
