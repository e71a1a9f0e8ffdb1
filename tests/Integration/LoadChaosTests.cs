using System.Diagnostics;
using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>The load test's own chaos against a cluster of real nodes, each in a network of its own.</summary>
public sealed class LoadChaosTests(ITestOutputHelper output) : IDisposable
{
    private const int Nodes = 3;
    private const int Users = 25;

    private readonly Workplace _workplace = new();

    public void Dispose() => _workplace.Dispose();

    [Fact]
    public void A_cluster_that_is_cut_paused_and_killed_by_the_load_test_keeps_a_green_ledger()
    {
        Tool.RequireRoot();
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        int killed = cluster[3].ProcessId;
        try
        {
            ToolResult result = Tool.Try(new ProcessStartInfo(Programs.MailCluster, Arguments(cluster)), null);
            output.WriteLine(result.Output);
            Assert.Equal(0, result.ExitCode);
            Assert.Matches(@"GREEN: [1-9][\d,]* messages acknowledged", result.Output);
            Assert.Matches(@", [1-9][\d,]* removed and gone", result.Output);
            string[] happenings =
            [
                "node 1 was cut off for 5 s", "node 1 is connected again", "was stopped for 4 s", "node 2 goes on",
                $"node 3 (process {killed}) was killed",
            ];
            Assert.All(happenings, text => Assert.Contains(text, result.Output, StringComparison.Ordinal));
            Until.True(() => RestartedId(cluster) != killed, "the killed node serves again");
        }
        finally
        {
            if (RestartedId(cluster) is { } restarted && restarted != killed)
            {
                Process.GetProcessById(restarted).Kill();
            }
        }
    }

    [Fact]
    public void What_is_not_in_a_network_of_its_own_is_not_cut_off()
    {
        Tool.RequireRoot();
        string ready = _workplace.Write("ready", $"{{\"pid\": {Environment.ProcessId}}}");
        ToolResult result = Tool.Try(Partition, null, ready, "cut");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("--namespaces", result.Output, StringComparison.Ordinal);
    }

    private static string Partition => Path.Combine(Programs.Root, "deploy/partition.sh");

    private string[] Arguments(NodeCluster cluster)
    {
        string scenario = _workplace.Write("busy.json", $$"""
            {
              "name": "busy", "duration": "22s",
              "users": { "count": {{Users}}, "make": false, "name": "user{0:0000}", "domain": "example.test", "password": "pass{0:0000}" },
              "sizes": { "source": "none", "histogram": [[500, 4], [5000, 4], [100000, 1]] },
              "clients": [
                { "kind": "inbound", "name": "kept", "connections": "kept", "count": 6, "recipientsMax": 4, "arrivals": { "process": "bursts", "rate": 40, "burst": 10 } },
                { "kind": "inbound", "name": "each", "tls": 0.2, "recipientsMax": 3, "arrivals": { "rate": 20 } },
                { "kind": "pop3", "tls": 0, "delete": 0.7, "abandon": 0.2, "arrivals": { "rate": 15 } }
              ]
            }
            """);
        // The one command starts whichever node was killed: what differs is in its environment.
        string restart = string.Join("; ", Enumerable.Range(1, Nodes).Select(node =>
            $"[ \"$NODE\" != {node} ] || exec {string.Join(' ', cluster.Network.WrapperOf(node))} '{Programs.MailCluster}'"
                + $" serve --config '{cluster[node].Configuration}' --ready-file \"$READY_FILE\""));
        return
        [
            "load", scenario, "--ledger", _workplace.File("run.ledger"),
            "--token-file", (string)cluster.Settings(1).Root["Http"]!["AdminTokenFile"]!,
            .. Enumerable.Range(1, Nodes).SelectMany(node => new[] { "--ready-file", ReadyFileOf(cluster, node) }),
            "--chaos", "partition=2s/5s,pause=9s/4s,kill=15s", "--partition-command", Partition, "--restart", restart,
        ];
    }

    private static string ReadyFileOf(NodeCluster cluster, int node) => cluster.Settings(node).Workplace.File("ready");

    /// <summary>Of the third node; null: it is not ready.</summary>
    private static int? RestartedId(NodeCluster cluster)
    {
        try
        {
            using JsonDocument ready = JsonDocument.Parse(File.ReadAllText(ReadyFileOf(cluster, 3)));
            return ready.RootElement.GetProperty("pid").GetInt32();
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }
}
