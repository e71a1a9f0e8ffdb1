using System.Diagnostics;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// Three nodes as processes of their own, each in its own network namespace where there is root, on a real PostgreSQL:
/// what is acknowledged is there exactly once whatever happens to a node, under load (I1, I2, I4, I5, I7).
/// </summary>
public sealed class ClusterTests(ITestOutputHelper output)
{
    private const int Nodes = 3;
    private const int Users = 25;

    private int Seed { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("MAILCLUSTER_SEED"), out int given) ? given
            : Random.Shared.Next(1_000_000);

    [Fact]
    public void A_message_given_to_any_node_is_read_from_every_other()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        for (int user = 1; user <= Users; user++)
        {
            cluster[1 + (user % Nodes)].Deliver(user, $"Subject: to {user}\r\n\r\nbody\r\n");
        }

        for (int user = 1; user <= Users; user++)
        {
            string[] uidls =
                [.. Enumerable.Range(1, Nodes).Select(node => Assert.Single(cluster[node].Mailbox(user)).Uidl)];
            Assert.Single(uidls.Distinct());
        }

        using Dialogue dialogue = Dialogue.Pop3(cluster[2].Pop3, Node.User(1), Node.Password(1));
        dialogue.Ask("DELE 1", "+OK");
        dialogue.Ask("QUIT", "+OK");
        Assert.All(Enumerable.Range(1, Nodes), node => Assert.Empty(cluster[node].Mailbox(1)));
    }

    [Fact]
    public void Nodes_that_are_killed_one_after_the_other_under_load_lose_nothing()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        ClusterLoad load = Begin(cluster);
        for (int round = 0; round < Nodes; round++)
        {
            int victim = 1 + ((Seed + round) % Nodes);
            load.Run(300);
            cluster.Kill(victim);
            load.Run(300);
            cluster.StartNode(victim);
            cluster.WaitUntilBalanced(victim);
        }

        load.End(output);
    }

    [Fact]
    public void A_node_that_stands_still_for_longer_than_its_lease_writes_nothing_that_is_not_its_own_afterwards()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        ClusterLoad load = Begin(cluster);
        for (int round = 0; round < 2; round++)
        {
            int victim = 1 + ((Seed + round) % Nodes);
            int other = 1 + (victim % Nodes);
            load.Run(200);
            cluster[victim].Pause();
            Until.True(() => cluster.StateOf(victim, other) == "down", "another node has claimed its shards");
            load.Run(200);
            cluster[victim].Resume();
            cluster.WaitUntilBalanced(other);
            load.Run(200);
        }

        load.End(output);
    }

    [Fact]
    public void Cut_off_from_the_other_nodes_or_from_the_database_nothing_is_lost()
    {
        Tool.RequireRoot();
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        ClusterLoad load = Begin(cluster);
        load.Run(200);
        cluster.Network.CutFromPeers(1);
        load.Run(400);
        cluster.Network.Heal(1);
        load.Run(200);

        cluster.Network.CutFromDatabase(2);
        Until.True(() => cluster.StateOf(2, via: 1) == "down", "another node has claimed its shards");
        load.Run(300);
        cluster.Network.Heal(2);
        cluster.WaitUntilBalanced();
        load.Run(200);
        load.End(output);
    }

    [Fact]
    public void A_rolling_restart_under_load_fails_no_transaction_and_loses_no_removal()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        ClusterLoad load = Begin(cluster);
        for (int node = 1; node <= Nodes; node++)
        {
            load.Run(200);
            int exit = cluster[node].Stop();
            string log = cluster[node].Log;
            Assert.True(exit == 0, $"exit code {exit}: {log[^Math.Min(log.Length, 4000)..]}");
            load.Run(200);
            cluster.StartNode(node);
            cluster.WaitUntilBalanced(node);
        }

        load.End(output);
        Assert.Equal(0, load.Senders.Failed);
        Assert.Equal(0, load.Readers.Failed);
    }

    [Fact]
    public void While_the_database_is_away_clients_are_told_so_and_all_goes_on_when_it_is_back()
    {
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        ClusterLoad load = Begin(cluster);
        load.Run(300);
        using Dialogue open = Dialogue.Smtp(cluster[1].Smtp);
        cluster.Database.Kill();
        Until.True(
            () => open.Ask("MAIL FROM:<a@elsewhere.test>").StartsWith("451 4.3.0", StringComparison.Ordinal)
                || !open.Ask("RSET").StartsWith("250", StringComparison.Ordinal),
            "MAIL is refused for the time being");
        // Until its lease is over, a home shows what it has in memory.
        Until.True(() => IsTurnedAway(cluster[2]), "a login is refused for the time being");

        Assert.All(Enumerable.Range(1, Nodes), node => Assert.False(cluster[node].HasExited));
        cluster.Database.Start();
        long back = Stopwatch.GetTimestamp();
        Until.True(
            () => open.Ask("MAIL FROM:<a@elsewhere.test>").StartsWith("250", StringComparison.Ordinal),
            "MAIL is accepted again");
        open.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        output.WriteLine($"accepted again after {Stopwatch.GetElapsedTime(back).TotalSeconds:0.0} s");
        load.Run(300);
        load.End(output);
    }

    [Fact]
    public void A_limit_of_a_source_holds_over_all_nodes_while_they_are_killed()
    {
        const int Limit = 20;
        using NodeCluster cluster = NodeCluster.Start(Nodes, 1, settings =>
            settings.Gateway["MaxInboundConnectionPerSource"] = Limit);
        List<Dialogue> admitted = [];
        try
        {
            Fill(cluster, admitted, Limit);

            cluster.Kill(3);
            admitted.RemoveAll(IsGone);
            int left = admitted.Count;
            Until.True(() => cluster.StateOf(3, via: 1) == "down", "its lease has ended");
            Until.True(() =>
            {
                Fill(cluster, admitted, Limit);
                return admitted.Count == Limit;
            }, "the dead node's permits are back");
            output.WriteLine($"{left} were left, {admitted.Count} are admitted");
            Assert.Equal(Limit, admitted.Count(dialogue => !IsGone(dialogue)));
        }
        catch
        {
            Say(cluster);
            throw;
        }
        finally
        {
            admitted.ForEach(dialogue => dialogue.Dispose());
        }
    }

    /// <summary>What the nodes that run say of the cluster, for whoever looks for the cause.</summary>
    private void Say(NodeCluster cluster)
    {
        for (int node = 1; node <= cluster.Count; node++)
        {
            if (!cluster[node].HasExited)
            {
                output.WriteLine($"node{node}:");
                output.WriteLine(string.Join('\n', cluster[node].Log.Split('\n')
                    .Where(line => line.Contains("\"Cluster\"", StringComparison.Ordinal)
                        || line.Contains("Limits", StringComparison.Ordinal)
                        || line.Contains("Links", StringComparison.Ordinal)
                        || line.Contains("\"Store\"", StringComparison.Ordinal)).TakeLast(40)));
            }
        }
    }

    [Fact]
    public void Two_nodes_with_one_name_and_a_database_that_is_not_there_are_refused_clearly()
    {
        using NodeCluster cluster = NodeCluster.Start(1, 1);
        using Workplace workplace = new();
        NodeSettings twin = cluster.Twin(workplace);
        ToolResult refused = Node.Refused(twin);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains(NodeCluster.NameOf(1), refused.Output, StringComparison.Ordinal);

        twin.Root["Store"]!["ConnectionString"] = "Host=127.0.0.1;Port=9;Database=nowhere;Username=nobody;Password=geheim";
        ToolResult lost = Node.Refused(twin);
        Assert.NotEqual(0, lost.ExitCode);
        Assert.Contains("127.0.0.1", lost.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", lost.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_shows_the_nodes_and_drains_one()
    {
        using NodeCluster cluster = NodeCluster.Start(2, 1);
        string ready = Tool.Run("curl", "-sS", $"{cluster[1].Http}health/ready");
        Assert.Contains("\"status\":\"ready\"", ready, StringComparison.Ordinal);
        Assert.Contains("synchronous_standby_names", ready, StringComparison.Ordinal);
        string table = cluster.Admin(1, "cluster", "status");
        Assert.Contains(NodeCluster.NameOf(2), table, StringComparison.Ordinal);
        Assert.Contains("1024 shards, 0 moving, 0 without a home", table, StringComparison.Ordinal);

        cluster.Admin(1, "cluster", "drain", NodeCluster.NameOf(2));
        Assert.Equal(0, cluster[2].WaitForExit());
        Assert.Equal("down", cluster.StateOf(2, via: 1));
        cluster[1].Deliver(1, "Subject: still\r\n\r\nbody\r\n");
        Assert.Single(cluster[1].Mailbox(1));
    }

    /// <summary>64 clients of one address ask all nodes; those that are greeted stay.</summary>
    private static void Fill(NodeCluster cluster, List<Dialogue> admitted, int limit)
    {
        for (int client = 0; client < 64; client++)
        {
            Node? node = cluster.Any(client);
            Dialogue dialogue = Dialogue.Connect(node!.Smtp);
            if (dialogue.ReadReply().StartsWith("220", StringComparison.Ordinal))
            {
                admitted.Add(dialogue);
                Assert.True(admitted.Count <= limit, $"{admitted.Count} are admitted");
            }
            else
            {
                dialogue.Dispose();
            }
        }
    }

    private static bool IsTurnedAway(Node node)
    {
        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        if (!pop3.ReadReply().StartsWith("+OK", StringComparison.Ordinal))
        {
            return false;
        }

        pop3.Ask($"USER {Node.User(1)}", "+OK");
        return pop3.Ask($"PASS {Node.Password(1)}").StartsWith("-ERR [SYS/TEMP]", StringComparison.Ordinal);
    }

    private static bool IsGone(Dialogue dialogue)
    {
        try
        {
            return !dialogue.Ask("NOOP").StartsWith("250", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            dialogue.Dispose();
            return true;
        }
    }

    private ClusterLoad Begin(NodeCluster cluster)
    {
        output.WriteLine($"MAILCLUSTER_SEED={Seed}");
        return new ClusterLoad(cluster, Seed);
    }
}
