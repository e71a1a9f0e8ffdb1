using MailCluster.LoadTest.Chaos;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.LoadTest.Tests;

public sealed class ScenarioTests
{
    private const string Sound = """
        {
          "duration": "10s", // a comment
          "targets": [{ "smtp": "127.0.0.1:2525", "pop3s": "127.0.0.1:2995", "admin": "http://127.0.0.1:8080" }],
          "clients": [{ "kind": "inbound", "arrivals": { "rate": 5 } }],
        }
        """;

    public static TheoryData<string> Examples =>
        [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "scenarios"), "*.json")
            .Select(file => Path.GetFileName(file))];

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_example_can_be_read_and_is_told_in_words(string file)
    {
        var scenario = ScenarioFile.Read(Path.Combine(AppContext.BaseDirectory, "scenarios", file));
        var words = string.Join('\n', ScenarioText.Explain(scenario));
        Assert.Contains(scenario.Name, words, StringComparison.Ordinal);
        Assert.All(scenario.Clients, client => Assert.Contains($"- {client.Name}: ", words, StringComparison.Ordinal));
        Assert.All(
            scenario.Clients.Where(client => client.Sizes is { Bins.Length: > 1 }).Select(client => client.Sizes!)
                .Append(scenario.Sizes).Where(sizes => sizes.Bins.Length > 1),
            sizes => Assert.StartsWith("http", sizes.Source, StringComparison.Ordinal));
    }

    [Fact]
    public void The_smoke_scenario_stays_inside_the_limits_that_a_node_has_by_default()
    {
        var scenario = ScenarioFile.Read(Path.Combine(AppContext.BaseDirectory, "scenarios", "smoke.json"));
        Assert.DoesNotContain(
            ScenarioText.Explain(scenario), line => line.StartsWith("Note:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"rate\": 5", "\"ratee\": 5", "clients[0].arrivals.ratee: there is no such key; here may stand")]
    [InlineData("\"rate\": 5", "\"rate\": -5", "clients[0].arrivals.rate: must be a number from 0.001 to")]
    [InlineData("\"rate\": 5", "\"rate\": 5, \"steps\": []", "needs either \"rate\" (a second) or \"steps\"")]
    [InlineData("\"10s\"", "\"10 seconds\"", "duration: must be a duration")]
    [InlineData("\"inbound\"", "\"outbound\"", "clients[0].kind: must be one of inbound, submission, pop3")]
    [InlineData("127.0.0.1:2525", "localhost", "targets[0].smtp: must be address:port")]
    [InlineData("\"kind\": \"inbound\",", "\"kind\": \"inbound\", \"delete\": 1,", "clients[0].delete: there is no such")]
    [InlineData("\"kind\": \"inbound\",", "\"kind\": \"inbound\", \"tenant\": 2,", "is of tenant 2, of 1")]
    [InlineData("\"clients\": [{ \"kind\": \"inbound\", \"arrivals\": { \"rate\": 5 } }]", "\"clients\": []", "at least one kind")]
    [InlineData("\"duration\"", "\"sizes\": { \"histogram\": [[4, 1], [2, 1]], \"source\": \"x\" }, \"duration\"", "must rise")]
    [InlineData("\"duration\"", "\"sizes\": { \"histogram\": [[4, 1], [8, 1]] }, \"duration\"", "where the histogram comes from")]
    [InlineData("\"duration\"", "\"users\": { \"make\": false }, \"duration\"", "users.password: must be given")]
    public void What_is_wrong_is_named_with_its_place_and_what_to_change(string part, string instead, string fault)
    {
        var text = Sound.Replace(part, instead, StringComparison.Ordinal);
        Assert.NotEqual(Sound, text);
        var thrown = Assert.Throws<LoadFaultException>(() => ScenarioFile.Parse(text, "here.json"));
        Assert.Contains(fault, thrown.Message, StringComparison.Ordinal);
        Assert.StartsWith("here.json", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_faults_are_said_at_once()
    {
        var text = Sound.Replace("\"rate\": 5", "\"ratee\": 5", StringComparison.Ordinal)
            .Replace("\"10s\"", "10", StringComparison.Ordinal);
        var thrown = Assert.Throws<LoadFaultException>(() => ScenarioFile.Parse(text, "here.json"));
        Assert.Contains("duration", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("ratee", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_that_is_no_json_is_refused_with_the_line()
    {
        var thrown = Assert.Throws<LoadFaultException>(() => ScenarioFile.Parse("{\n\"a\": }", "here.json"));
        Assert.Contains("line 2", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("203.0.113.1", "127.0.0.1", "203.0.113.1 is no address of this machine")]
    [InlineData("127.1.0.1", "198.51.100.1", "loopback addresses, from which 198.51.100.1 cannot be reached")]
    public async Task Sources_that_cannot_be_or_cannot_reach_a_target_are_named_before_the_run(
        string first, string target, string fault)
    {
        var scenario = ScenarioFile.Parse(Sound.Replace("\"duration\"",
            $"\"sources\": {{ \"first\": \"{first}\", \"addresses\": 2 }}, \"duration\"", StringComparison.Ordinal)
            .Replace("127.0.0.1:", $"{target}:", StringComparison.Ordinal), "here.json");
        var thrown = await Assert.ThrowsAsync<LoadFaultException>(() =>
            Preflight.CheckAsync(scenario, true, TestContext.Current.CancellationToken));
        Assert.Contains(fault, thrown.Message, StringComparison.Ordinal);
        Assert.Contains("--source-first", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_refuses_and_a_missing_token_are_named_before_the_run()
    {
        var scenario = ScenarioFile.Parse(Sound, "here.json");
        var withoutToken = await Assert.ThrowsAsync<LoadFaultException>(() =>
            Preflight.CheckAsync(scenario, false, TestContext.Current.CancellationToken));
        Assert.Contains("--token-file", withoutToken.Message, StringComparison.Ordinal);

        using var free = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream,
            System.Net.Sockets.ProtocolType.Tcp);
        free.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0)); // bound, and nobody listens
        var refusing = scenario with
        {
            Targets = [scenario.Targets[0] with { Smtp = (System.Net.IPEndPoint)free.LocalEndPoint!, Pop3s = null }],
            Checks = false,
        };
        var refused = await Assert.ThrowsAsync<LoadFaultException>(() =>
            Preflight.CheckAsync(refusing, true, TestContext.Current.CancellationToken));
        Assert.Contains("nobody listens there", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_connections_are_refused_before_the_run_with_what_to_change()
    {
        var scenario = ScenarioFile.Parse(Sound.Replace(
            "{ \"kind\": \"inbound\", \"arrivals\": { \"rate\": 5 } }",
            "{ \"kind\": \"idle\", \"count\": 1000000 }", StringComparison.Ordinal), "here.json");
        var thrown = await Assert.ThrowsAsync<LoadFaultException>(() =>
            Preflight.CheckAsync(scenario, true, TestContext.Current.CancellationToken));
        Assert.Contains(
            "ports that an address has. Give \"sources\" at least", thrown.Message, StringComparison.Ordinal);
        var limit = File.ReadLines("/proc/self/limits")
            .Single(line => line.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
        Assert.Equal(
            long.TryParse(limit, System.Globalization.CultureInfo.InvariantCulture, out var files) && files < 1_000_000,
            thrown.Message.Contains("Raise the limit (ulimit -n", StringComparison.Ordinal));
    }

    [Fact]
    public void Chaos_is_read_in_the_order_of_its_times()
    {
        var plan = ChaosPlan.Parse("pause=30s/5s,kill=20s");
        Assert.Equal(
            [(ChaosKind.Kill, 20.0, 5.0), (ChaosKind.Pause, 30.0, 5.0)],
            plan.Events.Select(one => (one.Kind, one.At.TotalSeconds, one.For.TotalSeconds)));
    }

    [Theory]
    [InlineData("kill=soon", "is none of kill=20s")]
    [InlineData("burn=20s", "is none of kill=20s")]
    public void Chaos_that_cannot_be_understood_is_refused(string text, string fault) =>
        Assert.Contains(fault, Assert.Throws<LoadFaultException>(() => ChaosPlan.Parse(text)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("kill=5s", 0, "--ready-file")]
    [InlineData("partition=5s/1s", 1, "needs a cluster")]
    [InlineData("pause=8s/5s", 1, "does not end within the run of 10 s")]
    public void Chaos_that_cannot_be_done_is_refused_before_the_run(string text, int nodes, string fault) =>
        Assert.Contains(fault, Assert.Throws<LoadFaultException>(() => ChaosPlan.Parse(text).Check(
            [.. Enumerable.Range(0, nodes).Select(node => $"ready{node}")], TimeSpan.FromSeconds(10), false)).Message,
            StringComparison.Ordinal);
}
