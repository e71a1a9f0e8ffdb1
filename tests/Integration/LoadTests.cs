using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using MailCluster.Integration.Support;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Chaos;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.Integration;

/// <summary>"mailcluster load" against the real program: green when all is well, red when it is not.</summary>
public sealed partial class LoadTests(ITestOutputHelper output) : IDisposable
{
    private readonly Workplace _workplace = new();

    private string LedgerPath => _workplace.File("run.ledger");

    private string ReadyFile => _workplace.File("ready");

    public void Dispose() => _workplace.Dispose();

    [Fact]
    public void The_smoke_scenario_gives_a_green_ledger_and_a_report_with_default_limits()
    {
        using Node node = Node.Start(DefaultLimits());
        string report = _workplace.File("smoke.html");
        ToolResult result = Load(
            Path.Combine(Programs.Root, "scenarios/smoke.json"), "--duration", "10s", "--report", report);
        output.WriteLine(result.Output);
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"GREEN: [1-9][\d,]* messages acknowledged", result.Output);
        Assert.Contains("; 0 findings.", result.Output, StringComparison.Ordinal);
        foreach (string client in new[] { "strangers", "relay", "users", "readers", "holders", "slow" })
        {
            // Arrived, done, failed: not one of those who behave was refused.
            Match row = Regex.Match(
                result.Output, $@"^{client}\t([\d,]+)\t([\d,]+)\t0\t0\t", RegexOptions.Multiline);
            Assert.True(row.Success && row.Groups[1].Value == row.Groups[2].Value, $"{client}:\n{result.Output}");
        }

        Assert.Contains("The ledger is green", File.ReadAllText(report), StringComparison.Ordinal);
        Assert.Equal(0, Try("load", "--check", LedgerPath, "--ready-file", ReadyFile).ExitCode);
        Assert.Equal(0, node.Stop());
    }

    [Fact]
    public async Task A_node_that_is_killed_and_paused_under_load_keeps_a_green_ledger()
    {
        NodeSettings settings = new(_workplace) { SeedUsers = 20 };
        using Node node = Node.Start(settings);
        LoadResult result = await LoadRun.RunAsync(
            new LoadWishes
            {
                Scenario = Busy("14s"),
                LedgerPath = LedgerPath,
                ReadyFiles = [ReadyFile],
                Chaos = ChaosPlan.Parse("kill=4s,pause=11s/1s"),
                Restart = $"exec '{Programs.MailCluster}' serve --config '{node.Configuration}'"
                    + $" --ready-file '{ReadyFile}'",
                Happened = output.WriteLine,
            },
            TestContext.Current.CancellationToken);
        using Process restarted = Process.GetProcessById(ProcessIdOf(ReadyFile));
        try
        {
            output.WriteLine($"{result.Verdict}\n{string.Join('\n', result.Reasons)}");
            Assert.True(result.Verdict!.IsGreen, string.Join('\n', result.Verdict.Findings.Select(one => one.Text)));
            Assert.True(result.Verdict.Acknowledged > 20, result.Verdict.ToString());
            Assert.True(result.Verdict.Removed > 0, result.Verdict.ToString());
            Assert.NotEqual(node.ProcessId, restarted.Id);
            Assert.Contains(result.Happenings, one => one.Text.Contains("was killed", StringComparison.Ordinal));
            Assert.Contains(result.Happenings, one => one.Text.Contains("serves again", StringComparison.Ordinal));
            Assert.Contains(result.Reasons, reason =>
                reason.Reason is "connection refused" or "closed by the server" or "reset by the server");
        }
        finally
        {
            restarted.Kill();
        }
    }

    [Fact]
    public void After_the_generator_was_killed_its_ledger_can_be_checked()
    {
        using Node node = Node.Start(DefaultLimits());
        ProcessStartInfo start = new(
            Programs.MailCluster,
            Arguments(Path.Combine(Programs.Root, "scenarios/smoke.json"), "--duration", "60s"))
        {
            RedirectStandardOutput = true,
        };
        using (Process generator = Process.Start(start)!)
        {
            Until.True(
                () => File.Exists(LedgerPath) && Acknowledged() > 100, "100 messages are acknowledged");
            generator.Kill();
            generator.WaitForExit();
        }

        ToolResult check = Try("load", "--check", LedgerPath, "--ready-file", ReadyFile);
        output.WriteLine(check.Output);
        Assert.Equal(0, check.ExitCode);
        Assert.Contains("the generator died during the run", check.Output, StringComparison.Ordinal);
        Assert.Equal(0, node.Stop());
    }

    [Fact]
    public async Task What_somebody_plants_behind_the_server_s_back_is_found()
    {
        NodeSettings settings = new(_workplace) { SeedUsers = 20 };
        using Node node = Node.Start(settings);
        LoadResult result = await LoadRun.RunAsync(
            new LoadWishes { Scenario = Busy("3s", delete: 0.3), LedgerPath = LedgerPath, ReadyFiles = [ReadyFile] },
            TestContext.Current.CancellationToken);
        Assert.True(result.Verdict!.IsGreen, result.Verdict.ToString());
        Assert.Equal(FindingKind.Duplicate, await PlantAsync(node, Again));
        Assert.Equal(FindingKind.Changed, await PlantAsync(node, Changed));
        Assert.Equal(FindingKind.Stray, await PlantAsync(node, Astray));
        Assert.Equal(FindingKind.Lost, await PlantAsync(node, (running, user) => Remove(running, user, seen: false)));
        Assert.Equal(
            FindingKind.RemovedUnmarked, await PlantAsync(node, (running, user) => Remove(running, user, seen: true)));
        Assert.Equal(FindingKind.Resurrected, await PlantAsync(node, ClaimRemoval));
    }

    [Theory]
    [InlineData("--duration", "soon", "is no duration")]
    [InlineData("--chaos", "partition=1s/1s", "needs a cluster")]
    [InlineData("--rate", "0", "--rate takes a number above 0")]
    [InlineData("--token-file", "nowhere/token", "cannot be read")]
    public void What_cannot_be_done_is_said_before_anything_is(string option, string value, string text)
    {
        ToolResult result = Try("load", Path.Combine(Programs.Root, "scenarios/smoke.json"), option, value);
        Assert.Equal(64, result.ExitCode);
        Assert.Contains(text, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dry_run_says_what_would_be_done_and_does_nothing()
    {
        ToolResult result = Try("load", Path.Combine(Programs.Root, "scenarios/smoke.json"), "--dry-run");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("20 a second at random (Poisson)", result.Output, StringComparison.Ordinal);
    }

    private NodeSettings DefaultLimits()
    {
        NodeSettings settings = new(_workplace) { SeedUsers = 0 };
        string[] limits = ["MaxInboundConnections", "MaxInboundConnectionPerSource", "MessageRateLimit"];
        foreach (string limit in limits)
        {
            settings.Gateway.Remove(limit);
        }

        settings.Pop3.Remove("MaxConnectionsPerUser");
        settings.Pop3.Remove("LoginType");
        return settings;
    }

    private static Scenario Busy(string duration, double delete = 0.7) => ScenarioFile.Parse(
        $$"""
        {
          "name": "busy", "duration": "{{duration}}",
          "users": { "count": 20, "make": false, "name": "user{0:0000}", "domain": "example.test", "password": "pass{0:0000}" },
          "sources": { "addresses": 20 },
          "sizes": { "source": "none", "histogram": [[500, 4], [5000, 4], [100000, 1]] },
          "clients": [
            { "kind": "inbound", "name": "kept", "connections": "kept", "count": 8, "recipientsMax": 4, "arrivals": { "process": "bursts", "rate": 60, "burst": 10 } },
            { "kind": "inbound", "name": "each", "tls": 0.2, "recipientsMax": 2, "arrivals": { "rate": 30 } },
            { "kind": "pop3", "tls": 0, "delete": {{delete.ToString(CultureInfo.InvariantCulture)}}, "abandon": 0.2, "arrivals": { "rate": 25 } }
          ]
        }
        """, "busy");

    /// <summary>
    /// Something is done to one mailbox; the kind of what the check finds beside what it found before.
    /// </summary>
    private async Task<FindingKind> PlantAsync(Node node, Func<Node, int, string> plant)
    {
        string copy = _workplace.File($"{Guid.NewGuid():N}.ledger");
        HashSet<string> before = [.. (await CheckAsync(LedgerPath)).Findings.Select(finding => finding.Text)];
        // The planting gives the ledger's text as it is to be from now on.
        string ledger = "";
        for (int user = 1; user <= 20 && ledger.Length == 0; user++)
        {
            ledger = plant(node, user);
        }

        Assert.NotEqual("", ledger);
        File.WriteAllText(copy, ledger);
        LedgerVerdict verdict = await CheckAsync(copy);
        Finding found = Assert.Single(verdict.Findings, finding => !before.Contains(finding.Text));
        output.WriteLine(found.Text);
        return found.Kind;
    }

    private static Task<LedgerVerdict> CheckAsync(string path) =>
        LedgerCheck.RunAsync(path, new CheckWishes(), TestContext.Current.CancellationToken);

    private string Again(Node node, int user) => Deliver(node, user, user, text => text);

    private string Changed(Node node, int user)
    {
        // Of a message that nobody acknowledged, so that a changed body is all that is wrong with it.
        string text = Fresh(node, user);
        if (text.Length == 0)
        {
            return "";
        }

        string marked = Mark().Replace(text, match => $"{match.Groups[1].Value}999999999{match.Groups[3].Value}");
        node.Deliver(user, marked[..^4] + "!!\r\n");
        return File.ReadAllText(LedgerPath);
    }

    private string Astray(Node node, int user) => Deliver(node, user, user == 20 ? 1 : user + 1, text => text);

    private string Deliver(Node node, int from, int to, Func<string, string> change)
    {
        string text = Fresh(node, from);
        if (text.Length == 0 || (from != to && IsFor(text, to)))
        {
            return "";
        }

        node.Deliver(to, change(text));
        return File.ReadAllText(LedgerPath);
    }

    private string Remove(Node node, int user, bool seen)
    {
        List<StoredMessage> messages = node.Mailbox(user);
        int at = messages.FindLastIndex(message => NumberOf(message.Text) is { } number && IsFor(message.Text, user)
            && (seen || !IsSeen(user, number))
            && messages.Count(other => NumberOf(other.Text) == number) == 1);
        if (at < 0)
        {
            return "";
        }

        using Dialogue dialogue = Dialogue.Pop3(node.Pop3, Node.User(user), Node.Password(user));
        dialogue.Ask($"DELE {at + 1}", "+OK");
        dialogue.Ask("QUIT", "+OK");
        return !seen ? File.ReadAllText(LedgerPath) : File.ReadAllText(LedgerPath).Replace(
            "\nE\n", $"\nS {user - 1} {NumberOf(messages[at].Text)}\nE\n", StringComparison.Ordinal);
    }

    /// <summary>The ledger says that a message was removed, and it is there.</summary>
    private string ClaimRemoval(Node node, int user)
    {
        string text = Fresh(node, user);
        return text.Length == 0 ? "" : File.ReadAllText(LedgerPath).Replace(
            "\nE\n", $"\nI 999999 {user - 1} {NumberOf(text)}\nD 999999\nE\n", StringComparison.Ordinal);
    }

    /// <summary>A message of the run that is once in a mailbox and small; empty: there is none.</summary>
    private string Fresh(Node node, int user)
    {
        List<StoredMessage> messages = node.Mailbox(user);
        return messages.Where(message => message.Octets.Length < 8000 && NumberOf(message.Text) is { } number
                && IsFor(message.Text, user) && messages.Count(other => NumberOf(other.Text) == number) == 1)
            .Select(message => message.Text[message.Text.IndexOf("From: <", StringComparison.Ordinal)..])
            .FirstOrDefault("");
    }

    private bool IsSeen(int user, long number) => File.ReadLines(LedgerPath).Contains($"S {user - 1} {number}");

    private bool IsFor(string text, int user) => File.ReadLines(LedgerPath).Any(line =>
        line.StartsWith($"A {NumberOf(text)} ", StringComparison.Ordinal)
        && line.Split(' ').Skip(3).Contains((user - 1).ToString(CultureInfo.InvariantCulture)));

    private static long? NumberOf(string text) => Mark().Match(text) is { Success: true } match
        ? long.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) : null;

    private int Acknowledged()
    {
        using FileStream file = new(LedgerPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(file);
        return reader.ReadToEnd().Split('\n').Count(line => line.StartsWith("A ", StringComparison.Ordinal));
    }

    private ToolResult Load(params string[] arguments) =>
        Tool.Try(new ProcessStartInfo(Programs.MailCluster, Arguments(arguments)), null);

    private string[] Arguments(params string[] arguments) =>
    [
        "load", .. arguments, "--ready-file", ReadyFile, "--ledger", LedgerPath, "--token-file",
        Path.Combine(_workplace.DataDirectory, "admin.token"),
    ];

    private ToolResult Try(params string[] arguments) => Tool.Try(
        new ProcessStartInfo(Programs.MailCluster, arguments) { WorkingDirectory = _workplace.Folder }, null);

    private static int ProcessIdOf(string readyFile) =>
        System.Text.Json.JsonDocument.Parse(File.ReadAllText(readyFile)).RootElement.GetProperty("pid").GetInt32();

    [GeneratedRegex(@"(X-MailCluster-Load: \w+ )(\d+)( \d+)")]
    private static partial Regex Mark();
}
