using System.Diagnostics;
using System.Globalization;
using MailCluster.Integration.Support;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// The database's primary dies under load and its synchronous standby takes over: nothing acknowledged is missing or
/// doubled, and the nodes go on by themselves (I1, I2, I3, I5).
/// </summary>
public sealed class DatabaseFailoverTests(ITestOutputHelper output)
{
    private const int Nodes = 2;
    private const int Users = 20;

    private int Seed { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("MAILCLUSTER_SEED"), out int given) ? given
            : Random.Shared.Next(1_000_000);

    [Fact]
    public void After_a_standby_took_over_all_is_there_once_and_the_nodes_serve_again_by_themselves()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users, hasStandby: true);
        PostgresServer standby = cluster.Standby!;
        int[] processes = [.. Enumerable.Range(1, Nodes).Select(node => cluster[node].ProcessId)];
        string ready = Tool.Run("curl", "-sS", $"{cluster[1].Http}health/ready");
        Assert.DoesNotContain("synchronous_standby_names", ready, StringComparison.Ordinal);

        output.WriteLine($"MAILCLUSTER_SEED={Seed}");
        ClusterLoad load = new(cluster, Seed);
        load.Run(300);
        using Dialogue open = Dialogue.Smtp(cluster[1].Smtp);
        Assert.False(Accepts(cluster[2], "late@example.test"));
        cluster.Database.Kill();
        standby.Promote();
        long promoted = Stopwatch.GetTimestamp();
        for (int node = 1; node <= Nodes; node++)
        {
            int number = node;
            Until.True(() => IsServed(cluster[number]), $"node{node} lets a user in and takes mail");
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"node{node} serves {Stopwatch.GetElapsedTime(promoted).TotalSeconds:0.0} s after the promotion"));
        }

        // An open session goes on as well.
        Until.True(
            () => open.Ask("MAIL FROM:<a@elsewhere.test>").StartsWith("250", StringComparison.Ordinal),
            "MAIL is accepted in a session from before");
        load.Run(300);

        // A change of the directory is told by the new primary.
        cluster.Admin(1, "alias", "add", "late@example.test", Node.User(1));
        Until.True(() => Accepts(cluster[2], "late@example.test"), "the other node knows of the new alias",
            TimeSpan.FromSeconds(30));

        // Leases and the fence are the new primary's.
        cluster[2].Pause();
        Until.True(() => cluster.StateOf(2, via: 1) == "down", "the other node has claimed its shards");
        load.Run(200);
        cluster[2].Resume();
        cluster.WaitUntilBalanced();
        load.Run(200);
        Assert.Equal(processes, Enumerable.Range(1, Nodes).Select(node => cluster[node].ProcessId));
        Assert.All(Enumerable.Range(1, Nodes), node => Assert.False(cluster[node].HasExited));

        // A node that starts finds the one of the two that is there.
        Assert.Equal(0, cluster[2].Stop());
        cluster.StartNode(2);
        cluster.WaitUntilBalanced();
        load.Run(100);
        load.End(output);
    }

    private static bool Accepts(Node node, string recipient)
    {
        using Dialogue dialogue = Dialogue.Connect(node.Smtp);
        return dialogue.ReadReply().StartsWith("220", StringComparison.Ordinal)
            && dialogue.Ask("EHLO client.example.test").StartsWith("250", StringComparison.Ordinal)
            && dialogue.Ask("MAIL FROM:<a@elsewhere.test>").StartsWith("250", StringComparison.Ordinal)
            && dialogue.Ask($"RCPT TO:<{recipient}>").StartsWith("250", StringComparison.Ordinal);
    }

    private static bool IsServed(Node node)
    {
        try
        {
            using Dialogue pop3 = Dialogue.Connect(node.Pop3);
            return Accepts(node, Node.User(1))
                && pop3.ReadReply().StartsWith("+OK", StringComparison.Ordinal)
                && pop3.Ask($"USER {Node.User(Users)}").StartsWith("+OK", StringComparison.Ordinal)
                && pop3.Ask($"PASS {Node.Password(Users)}").StartsWith("+OK", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
