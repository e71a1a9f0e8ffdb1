using System.Net.Sockets;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>I7: a stop that is planned cuts off nobody in the middle of a message.</summary>
public sealed class DrainTests
{
    [Fact]
    [Trait("Requirement", "OXSMTP-EV-13")]
    public void An_open_transaction_is_finished_the_next_MAIL_gets_421_and_nobody_new_is_let_in()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        using Node node = Node.Start(settings);
        using Dialogue inData = Dialogue.Smtp(node.Smtp);
        inData.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        inData.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        inData.Ask("DATA", "354");
        inData.Send("Subject: in the middle\r\n\r\n");
        using Dialogue between = Dialogue.Smtp(node.Smtp);
        using Dialogue reading = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));

        node.Terminate();
        Until.True(() => !LetsIn(node), "nobody new is let in");

        string answer = "";
        Until.True(() => (answer = between.Ask("MAIL FROM:<late@elsewhere.test>")) is not ['2', ..]
                || between.Ask("RSET") is not ['2', ..],
            "each session has been told");
        Assert.StartsWith("421 4.3.2", answer, StringComparison.Ordinal);
        between.ExpectEnd();
        inData.Send("body\r\n");
        inData.Ask(".", "250");
        inData.Ask("MAIL FROM:<sender@elsewhere.test>", "421 4.3.2");
        inData.ExpectEnd();
        reading.Ask("STAT", "+OK 0 0");
        reading.Ask("QUIT", "+OK");
        Assert.Equal(0, node.WaitForExit());

        using Node again = Node.Start(settings);
        Assert.Single(again.Mailbox(1));
    }

    [Fact]
    public void A_client_that_does_not_finish_is_ended_with_421_at_the_end_of_DrainTimeout()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Root["Node"]!["DrainTimeout"] = "00:00:02";
        using Node node = Node.Start(settings);
        node.Deliver(1, "Subject: to be kept\r\n\r\nbody\r\n");
        using Dialogue stuck = Dialogue.Smtp(node.Smtp);
        stuck.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        using Dialogue marked = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));
        marked.Ask("DELE 1", "+OK");

        node.Interrupt();

        stuck.Expect("421 4.3.2");
        marked.Expect("-ERR");
        Assert.Equal(0, node.WaitForExit());
        using Node again = Node.Start(settings);
        Assert.Single(again.Mailbox(1)); // no UPDATE, nothing deleted
    }

    private static bool LetsIn(Node node)
    {
        try
        {
            using Dialogue dialogue = Dialogue.Connect(node.Smtp);
            return dialogue.TryReadLine()?.StartsWith("220", StringComparison.Ordinal) == true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
