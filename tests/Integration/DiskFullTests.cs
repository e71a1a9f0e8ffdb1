using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

public sealed class DiskFullTests
{
    [Fact]
    public void A_full_disk_refuses_for_the_time_being_loses_nothing_and_serves_again_when_there_is_room()
    {
        Tool.RequireRoot();
        using Workplace workplace = new();
        using SmallDisk disk = new(workplace, "48m");
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Root["Node"]!["DataDirectory"] = disk.Folder;
        using Node node = Node.Start(settings);
        List<string> acknowledged = [];
        string body = string.Concat(
            Enumerable.Repeat("0123456789012345678901234567890123456789012345678901234567890123\r\n", 3000));

        Assert.StartsWith("250", Send(node, acknowledged, body), StringComparison.Ordinal);
        disk.FillUp();
        string refusal = "";
        for (int i = 0; i < 400 && (refusal.Length == 0 || refusal[0] == '2'); i++)
        {
            refusal = Send(node, acknowledged, body);
        }

        Assert.StartsWith("452 4.3.1", refusal, StringComparison.Ordinal);
        Assert.Equal(acknowledged, Subjects(node)); // reading goes on

        disk.Free();
        Until.True(() => Send(node, acknowledged, body)[0] == '2', "mail is taken again");
        Assert.Equal(acknowledged, Subjects(node));

        node.KillNow();
        using Node restarted = Node.Start(settings);
        Assert.Equal(acknowledged, Subjects(restarted));
    }

    private static string Send(Node node, List<string> acknowledged, string body)
    {
        string subject = $"number-{acknowledged.Count}";
        using Dialogue dialogue = Dialogue.Smtp(node.Smtp);
        string reply = dialogue.Ask("MAIL FROM:<sender@elsewhere.test>");
        if (reply[0] != '2')
        {
            return reply;
        }

        dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        dialogue.Ask("DATA", "354");
        dialogue.Send($"Subject: {subject}\r\n\r\n{body}");
        reply = dialogue.Ask(".");
        if (reply[0] == '2')
        {
            acknowledged.Add(subject);
        }

        return reply;
    }

    private static List<string> Subjects(Node node) =>
        [.. node.Mailbox(1).Select(message => message.Text.Split("\r\n")
            .First(line => line.StartsWith("Subject: ", StringComparison.Ordinal))["Subject: ".Length..])];
}
