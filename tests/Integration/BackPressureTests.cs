using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>OXSMTP-EV-12 on a disk that is really filled and in a container that is really small.</summary>
public sealed class BackPressureTests(ITestOutputHelper output)
{
    private const string Refusal = "452 4.3.1";
    private const long Mebibyte = 1024 * 1024;

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_disk_that_fills_refuses_new_mail_with_452_and_serves_everything_else_until_it_is_emptied()
    {
        Tool.RequireRoot();
        using Workplace workplace = new();
        using SmallDisk disk = new(workplace, "64m");
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Root["Node"]!["DataDirectory"] = disk.Folder;
        settings.BackPressure["MinFreeDisk"] = 16 * Mebibyte;
        using Node node = Node.Start(settings);
        using Dialogue open = Dialogue.Smtp(node.Smtp);
        Node.Deliver(open, 1, "Subject: before\r\n\r\nbody\r\n");
        using Dialogue inTransaction = Dialogue.Smtp(node.Smtp);
        inTransaction.Ask("MAIL FROM:<sender@elsewhere.test>", "250");

        disk.FillUp();
        AwaitHealth(node, "degraded");

        open.Ask("MAIL FROM:<sender@elsewhere.test>", Refusal);
        open.Ask("NOOP", "250");
        AssertGreetedWithRefusal(node);
        // what was begun goes on: the refusal is for MAIL
        inTransaction.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        Assert.Single(node.Mailbox(1));
        Assert.Contains(Refusal, node.Log, StringComparison.Ordinal);
        Assert.Contains("mailcluster_resource_short{resource=\"disk\"} 1", Get(node, "metrics"),
            StringComparison.Ordinal);

        disk.Free();
        AwaitHealth(node, "ready");

        Node.Deliver(open, 1, "Subject: after, on the session that was refused\r\n\r\nbody\r\n");
        node.Deliver(1, "Subject: after, on a new one\r\n\r\nbody\r\n");
        Assert.Equal(3, node.Mailbox(1).Count);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_node_in_a_small_container_refuses_while_its_memory_is_above_the_share_of_the_limit()
    {
        using MemoryGroup? group = MemoryGroup.TryMake(2048 * Mebibyte, out string problem);
        if (group is null)
        {
            // Not skipped: that would fail the run of every root without control groups of its own.
            output.WriteLine($"no control group can be made here, the tests of MemoryFiles stand for it: {problem}");
            return;
        }

        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1, Wrapper = group.Wrapper });
        using Dialogue open = Dialogue.Smtp(node.Smtp);
        open.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        open.Ask("RSET", "250");

        // 85 % of it is less than the process holds; the rest is room that keeps the kernel from ending it.
        group.Limit(node.Memory("VmRSS") * 1024 * 110 / 100);
        AwaitHealth(node, "degraded");
        open.Ask("MAIL FROM:<sender@elsewhere.test>", Refusal);
        AssertGreetedWithRefusal(node);

        group.Limit(2048 * Mebibyte);
        AwaitHealth(node, "ready");
        Node.Deliver(open, 1, "Subject: after\r\n\r\nbody\r\n");
        Assert.Single(node.Mailbox(1));
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_process_above_MaxProcessMemory_refuses()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.BackPressure["MaxProcessMemory"] = 64 * Mebibyte; // the runtime alone takes more
        using Node node = Node.Start(settings);
        AwaitHealth(node, "degraded");

        AssertGreetedWithRefusal(node);
        Assert.Empty(node.Mailbox(1));
    }

    /// <summary>452 instead of 220; QUIT works, everything else is out of place or refused alike.</summary>
    private static void AssertGreetedWithRefusal(Node node)
    {
        using Dialogue refused = Dialogue.Connect(node.Smtp);
        refused.Expect(Refusal);
        Assert.True(refused.Ask("MAIL FROM:<sender@elsewhere.test>").Split(' ')[0] is "503" or "452");
        refused.Ask("QUIT", "221");
        refused.ExpectEnd();
    }

    /// <summary>The probe is answered with 200 whatever is short.</summary>
    private static void AwaitHealth(Node node, string status) => Until.True(
        () =>
        {
            using JsonDocument report = JsonDocument.Parse(Get(node, "health/ready"));
            return report.RootElement.GetProperty("status").GetString() == status;
        },
        $"the node is {status}");

    private static string Get(Node node, string path)
    {
        using HttpClient client = new();
        return client.GetStringAsync(new Uri(node.Http, path)).GetAwaiter().GetResult();
    }
}
