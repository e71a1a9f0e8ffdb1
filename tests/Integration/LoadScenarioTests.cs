using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MailCluster.Integration.Support;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.Integration;

/// <summary>What "mailcluster load" can do beside its smoke scenario, each against the real program.</summary>
public sealed partial class LoadScenarioTests(ITestOutputHelper output) : IDisposable
{
    private readonly Workplace _workplace = new();

    private string ReadyFile => _workplace.File("ready");

    private string Token => Path.Combine(_workplace.DataDirectory, "admin.token");

    public void Dispose() => _workplace.Dispose();

    [Fact]
    public void Each_scenario_that_is_shipped_runs_for_a_few_seconds_with_a_green_ledger()
    {
        using Node node = Node.Start(new NodeSettings(_workplace) { SeedUsers = 200 });
        string[] names = [.. Directory.GetFiles(Path.Combine(Programs.Root, "scenarios"), "*.json")
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => !name.StartsWith("sink-", StringComparison.Ordinal) && name != "smoke").Order()];
        Assert.Superset(new HashSet<string> { "overload", "fairness", "mixed", "inbound" }, new HashSet<string>(names));
        foreach (string name in names)
        {
            // As many users as there are tenants at least: making two thousand takes longer than the run.
            string text = File.ReadAllText(Path.Combine(Programs.Root, "scenarios", $"{name}.json"));
            string scenario = _workplace.Write($"{name}.json", Count().Replace(text, "${1}60"));
            ToolResult result = Load(
                scenario, "--duration", "3s", "--rate", "0.2", "--token-file", Token, "--ledger",
                _workplace.File($"{name}.ledger"));
            output.WriteLine($"{name}:\n{result.Output}");
            Assert.Equal(0, result.ExitCode);
            Assert.Matches(
                name == "compare-readers" ? "GREEN: 0 messages" : @"GREEN: [1-9][\d,]* messages acknowledged",
                result.Output);
        }

        Assert.Equal(0, node.Stop());
    }

    [Fact]
    public async Task Sources_in_a_proxy_header_are_many_for_the_node_and_the_check_reads_with_one_too()
    {
        NodeSettings settings = new(_workplace) { SeedUsers = 20 };
        foreach (string section in (string[])["Smtp", "Pop3"])
        {
            foreach (JsonNode? binding in settings.Root[section]!["Bindings"]!.AsArray())
            {
                binding!["ProxyProtocolFrom"] = new JsonArray("127.0.0.0/8");
            }
        }

        settings.Gateway["MaxInboundConnectionPerSource"] = 5;
        settings.Gateway["MessageRateLimit"] = 2; // a minute: the machine's one address would get no further
        using Node node = Node.Start(settings);
        LoadResult result = await RunAsync(
            """ "addresses": 1, "proxied": 1000 """,
            """{ "kind": "inbound", "arrivals": { "rate": 40 } }, { "kind": "pop3", "tls": 0.5, "delete": 0.5, "arrivals": { "rate": 10 } }""");
        Assert.True(result.Verdict!.IsGreen, result.Verdict.ToString());
        Assert.True(result.Verdict.Acknowledged > 50, result.Verdict.ToString());
        Assert.All(result.Operations, operation => Assert.Equal(operation.Arrived, operation.Done));
        Assert.Equal(0, node.Stop());
    }

    [Fact]
    public async Task What_waits_in_the_spool_is_not_lost_and_is_found_when_it_has_arrived()
    {
        Tool.Require("sqlite3");
        NodeSettings settings = new(_workplace) { SeedUsers = 1 };
        settings.Gateway["MaxAcknowledgementDelay"] = "00:00:00";
        using Node node = Node.Start(settings);
        MoveInbox(settings, from: "1", to: "4711");
        LoadResult result = await RunAsync(
            """ "addresses": 0 """, """{ "kind": "inbound", "arrivals": { "rate": 10 } }""", users: 1, checks: false);
        long sent = result.Operations[0].Done;
        Assert.True(sent > 5, $"{sent} messages were acknowledged");
        Until.True(() => Queue(node).All(row => row.GetProperty("lastError").GetString() is not null),
            "each has been tried once, and waits");
        // Until somebody says that it is to be tried again.
        Sqlite(settings, "UPDATE spool SET next_attempt = next_attempt + 86400000000");
        MoveInbox(settings, from: "4711", to: "1");

        CheckWishes wishes = new() { AdminToken = File.ReadAllText(Token).Trim() };
        LedgerVerdict waiting = await CheckAsync(wishes);
        output.WriteLine(waiting.ToString());
        Assert.True(waiting.IsGreen, waiting.ToString());
        Assert.Equal((sent, 0), (waiting.InSpool, waiting.Found));

        // Where nobody tells of the queue, mail is lost when none comes for a while.
        CheckWishes blind = wishes with { AdminToken = null };
        LedgerVerdict lost = await SettleAsync(blind, TimeSpan.FromSeconds(0.5));
        Assert.Equal(sent, lost.Counts[FindingKind.Lost]);
        Task<LedgerVerdict> settling = SettleAsync(blind, TimeSpan.FromMinutes(2));
        node.Admin("queue", "retry", "--all");
        LedgerVerdict arrived = await settling;
        Assert.Equal((sent, 0), (arrived.Found, arrived.FindingCount));
    }

    [Fact]
    public void With_a_control_group_a_server_without_metrics_is_measured_until_it_rests()
    {
        Tool.RequireRoot();
        string group = $"mailcluster-test-{Environment.ProcessId}";
        NodeSettings settings = new(_workplace)
        {
            SeedUsers = 200,
            Wrapper = [Path.Combine(Programs.Root, "benchmarks/load/cgrun.sh"), group, ""],
        };
        ToolResult result;
        using (Node node = Node.Start(settings))
        {
            result = Load(
                Path.Combine(Programs.Root, "scenarios/compare-inbound.json"), "--duration", "3s", "--cgroup", group,
                "--json", "--ledger", _workplace.File("run.ledger"));
            Assert.Equal(0, node.Stop());
        }

        Tool.Try("find", null, "/sys/fs/cgroup", "-maxdepth", "2", "-name", group, "-exec", "rmdir", "{}", "+");
        Assert.Equal(0, result.ExitCode);
        output.WriteLine(result.Output);
        JsonElement[] lines = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        JsonElement end = lines.Single(line => line.GetProperty("kind").GetString() == "end");
        Assert.InRange(end.GetProperty("serverCpuSeconds").GetDouble(), 0.01, 1000);
        Assert.True(end.GetProperty("rest").GetDouble() >= 2, "it rested for two seconds");
        Assert.Contains(lines, line => line.TryGetProperty("serverMemory", out JsonElement memory)
            && memory.GetInt64() > 10_000_000);

    }

    [Fact]
    public void A_control_group_that_is_not_there_is_named_before_the_run()
    {
        using Node node = Node.Start(new NodeSettings(_workplace) { SeedUsers = 1 });
        ToolResult result = Load(
            Path.Combine(Programs.Root, "scenarios/compare-inbound.json"), "--cgroup", "mailcluster-test-nowhere");
        Assert.Equal(64, result.ExitCode);
        Assert.Contains("no control group mailcluster-test-nowhere", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.EnumerateFiles(_workplace.Folder, "*.ledger").Any(), "nothing was begun");
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public void A_signal_ends_a_run_with_its_figures_and_the_terminal_as_it_was(string signal)
    {
        Tool.Require("script");
        using Node node = Node.Start(new NodeSettings(_workplace) { SeedUsers = 20 });
        string typescript = _workplace.File("typescript");
        string scenario = _workplace.Write("scenario.json", Scenario(
            """ "addresses": 5 """, """{ "kind": "inbound", "arrivals": { "rate": 20 } }""", 20, true, "60s"));
        using Process terminal = Process.Start(new ProcessStartInfo("script",
        [
            "--quiet", "--return", "--flush", "--command",
            $"exec '{Programs.MailCluster}' load '{scenario}' --ready-file '{ReadyFile}' --ledger '{_workplace.File("run.ledger")}'",
            typescript,
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["TERM"] = "xterm-256color" },
        })!;
        string screen = "";
        terminal.OutputDataReceived += (_, _) => { };
        terminal.BeginOutputReadLine();
        Until.True(() => (screen = Read(typescript)).Contains("of 60 s", StringComparison.Ordinal), "it draws a table");
        int generator = int.Parse(
            Tool.Run("pgrep", "-P", terminal.Id.ToString(CultureInfo.InvariantCulture)).Trim(),
            CultureInfo.InvariantCulture);
        Tool.Run("kill", $"-{signal}", generator.ToString(CultureInfo.InvariantCulture));
        Assert.True(terminal.WaitForExit(TimeSpan.FromSeconds(90)), "it ends");
        screen = Read(typescript);
        output.WriteLine(screen);
        Assert.Equal(0, terminal.ExitCode);
        Assert.Contains("Nothing was compared.", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", screen, StringComparison.Ordinal);
        // Hidden while the table is drawn anew, and there again afterwards.
        string[] ends = ["\e[?25l", "\e[?25h", "Nothing was compared."];
        int[] places = [.. ends.Select(text => screen.LastIndexOf(text, StringComparison.Ordinal))];
        Assert.True(places[0] >= 0 && places[1] > places[0], "the cursor is back");
        Assert.True(places[2] > places[1], "nothing is drawn over the result");
        Assert.Equal(0, node.Stop());
    }

    private static string Read(string file)
    {
        if (!File.Exists(file))
        {
            return "";
        }

        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private Task<LoadResult> RunAsync(string sources, string clients, int users = 20, bool checks = true) =>
        LoadRun.RunAsync(
            new LoadWishes
            {
                Scenario = ScenarioFile.Parse(Scenario(sources, clients, users, checks, "4s"), "here"),
                LedgerPath = _workplace.File("run.ledger"),
                ReadyFiles = [ReadyFile],
                Happened = output.WriteLine,
            },
            TestContext.Current.CancellationToken);

    private static string Scenario(string sources, string clients, int users, bool checks, string duration) =>
        $$"""
        {
          "duration": "{{duration}}", "check": {{(checks ? "true" : "false")}},
          "users": { "count": {{users}}, "make": false, "name": "user{0:0000}", "domain": "example.test", "password": "pass{0:0000}" },
          "sources": { {{sources}} },
          "sizes": { "histogram": [[2000, 1]] },
          "clients": [{{clients}}]
        }
        """;

    private Task<LedgerVerdict> CheckAsync(CheckWishes wishes) =>
        LedgerCheck.RunAsync(_workplace.File("run.ledger"), wishes, TestContext.Current.CancellationToken);

    private Task<LedgerVerdict> SettleAsync(CheckWishes wishes, TimeSpan settling) => LedgerCheck.SettleAsync(
        _workplace.File("run.ledger"), wishes, settling, TestContext.Current.CancellationToken);

    private static List<JsonElement> Queue(Node node) =>
        [.. JsonDocument.Parse(node.Admin("queue", "list", "--json", "--limit", "500")).RootElement.EnumerateArray()];

    /// <summary>A mailbox whose INBOX is not where it belongs cannot be loaded, so its mail waits.</summary>
    private static void MoveInbox(NodeSettings settings, string from, string to) => Sqlite(
        settings,
        $"UPDATE folder SET id = {to} WHERE id = {from} AND mailbox = "
            + "(SELECT id FROM account WHERE folded = 'user0001')");

    private static void Sqlite(NodeSettings settings, string statement) => Tool.Run(
        "sqlite3", "-cmd", ".timeout 20000", Path.Combine(settings.Workplace.DataDirectory, "mailcluster.db"),
        statement);

    private ToolResult Load(params string[] arguments) => Tool.Try(
        new ProcessStartInfo(Programs.MailCluster, ["load", .. arguments, "--ready-file", ReadyFile])
        {
            WorkingDirectory = _workplace.Folder,
        }, null);

    [GeneratedRegex("(\"users\": \\{ \"count\": )\\d+")]
    private static partial Regex Count();
}
