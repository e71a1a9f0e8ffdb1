using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>I1 and I2: what was acknowledged is there after the process died, once.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Users = 25;

    [Fact]
    public void After_kill_9_under_load_every_acknowledged_message_is_in_its_mailbox_exactly_once()
    {
        int seed = Random.Shared.Next(1_000_000);
        if (int.TryParse(Environment.GetEnvironmentVariable("MAILCLUSTER_SEED"), out int given))
        {
            seed = given;
        }

        output.WriteLine($"MAILCLUSTER_SEED={seed}");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = Users };
        Ledger ledger = new();
        for (int round = 0; round < 3; round++)
        {
            using Node node = Node.Start(settings);
            int before = ledger.Acknowledged;
            Senders senders = new(node, ledger, Users, seed + round);
            senders.Start();
            int enough = before + 400 + (seed % 300);
            Until.True(() => ledger.Acknowledged >= enough, $"{enough} messages are acknowledged");
            node.KillNow();
            senders.Stop();
            output.WriteLine($"round {round}: {ledger.Acknowledged - before} acknowledged, {senders.Refused} refused");
        }

        using Node restarted = Node.Start(settings);
        ledger.AssertKept(restarted, Users);
    }

    [Fact]
    public void Unique_ids_go_on_rising_after_kill_9()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        long last = 0;
        for (int round = 0; round < 3; round++)
        {
            using Node node = Node.Start(settings);
            node.Deliver(1, $"Subject: {round}\r\n\r\nbody\r\n");
            List<StoredMessage> messages = node.Mailbox(1);
            Assert.Equal(round == 2 ? 1 : round + 1, messages.Count);
            long uidl = long.Parse(messages[^1].Uidl, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(uidl > last, $"{uidl} after {last}");
            last = uidl;
            if (round == 1)
            {
                using Dialogue dialogue = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));
                dialogue.Ask("DELE 1", "+OK");
                dialogue.Ask("DELE 2", "+OK");
                dialogue.Ask("QUIT", "+OK");
            }

            node.KillNow();
        }
    }
}
