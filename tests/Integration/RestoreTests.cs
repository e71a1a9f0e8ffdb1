using System.Globalization;
using MailCluster.Integration.Support;
using Npgsql;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// A backup is put back under nodes that had gone on since: they refuse to start until that is accepted, and no
/// unique-id is given twice (I4).
/// </summary>
public sealed class RestoreTests
{
    private const int Users = 3;

    [Fact]
    public void A_node_whose_database_file_is_an_older_one_starts_only_once_the_restore_is_accepted()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = Users };
        string file = Path.Combine(workplace.DataDirectory, "mailcluster.db");
        string position = Path.Combine(workplace.DataDirectory, "store.position");
        using (Node node = Node.Start(settings))
        {
            node.Deliver(1, "Subject: before\r\n\r\nbody\r\n");
            Assert.Equal(0, node.Stop());
        }

        File.Copy(file, workplace.File("backup"));
        string given;
        using (Node node = Node.Start(settings))
        {
            string noted = File.ReadAllText(position);
            node.Deliver(1, "Subject: after\r\n\r\nbody\r\n");
            given = node.Mailbox(1)[1].Uidl;
            Until.True(() => File.ReadAllText(position) != noted, "the commit is noted");
            node.KillNow();
        }

        foreach (string suffix in (string[])["-wal", "-shm"])
        {
            File.Delete(file + suffix);
        }

        File.Copy(workplace.File("backup"), file, overwrite: true);
        ToolResult refused = Node.Refused(settings);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("mailcluster store accept-restore", refused.Output, StringComparison.Ordinal);

        string said = Accept(settings);
        Assert.Contains($"{Users + 1} mailboxes", said, StringComparison.Ordinal);
        using Node again = Node.Start(settings);
        Assert.Single(again.Mailbox(1));
        again.Deliver(1, "Subject: anew\r\n\r\nbody\r\n");
        AssertLater(again.Mailbox(1)[1].Uidl, given);
    }

    [Fact]
    public async Task Nodes_whose_database_was_restored_from_a_dump_start_only_once_that_is_accepted_at_one_of_them()
    {
        using NodeCluster cluster = NodeCluster.Start(2, Users);
        string database = new NpgsqlConnectionStringBuilder(
            (string)cluster.Settings(1).Root["Store"]!["ConnectionString"]!).Database!;
        cluster[1].Deliver(1, "Subject: before\r\n\r\nbody\r\n");
        string dump = cluster.Database.Dump(database);

        // Every node commits: a connection to each, and recipients of both.
        string given = "";
        for (int node = 1; node <= 2; node++)
        {
            for (int user = 1; user <= Users; user++)
            {
                cluster[node].Deliver(user, "Subject: after\r\n\r\nbody\r\n");
            }
        }

        given = cluster[1].Mailbox(1)[^1].Uidl;
        for (int node = 1; node <= 2; node++)
        {
            Assert.Equal(0, cluster[node].Stop());
        }

        NpgsqlConnection.ClearAllPools();
        await cluster.Database.RestoreAsync(database, dump);
        for (int node = 1; node <= 2; node++)
        {
            ToolResult refused = Node.Refused(cluster.Settings(node));
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Contains("mailcluster store accept-restore", refused.Output, StringComparison.Ordinal);
        }

        string said = "";
        Until.True(
            () => (said = Accept(cluster.Settings(2), mayFail: true)).Contains("mailboxes", StringComparison.Ordinal),
            "the leases that the dump had are over");
        cluster.StartNode(1);
        cluster.StartNode(2);
        cluster.WaitUntilBalanced();
        Assert.Single(cluster[2].Mailbox(1));
        cluster[2].Deliver(1, "Subject: anew\r\n\r\nbody\r\n");
        AssertLater(cluster[1].Mailbox(1)[1].Uidl, given);
    }

    private static void AssertLater(string uidl, string given) => Assert.True(
        long.Parse(uidl, CultureInfo.InvariantCulture) > long.Parse(given, CultureInfo.InvariantCulture),
        $"{uidl} is not after {given}.");

    private static string Accept(NodeSettings settings, bool mayFail = false)
    {
        ToolResult result = Tool.Try(
            Programs.MailCluster, null, "store", "accept-restore", "--config", settings.WriteConfiguration());
        Assert.True(mayFail || result.ExitCode == 0, result.Output);
        return result.Output;
    }
}
