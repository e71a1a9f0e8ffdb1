using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>The program judges a node of its own, whose limits are small enough to be reached.</summary>
public sealed class ConformanceCommandTests
{
    private const string Rate = "OXSMTP-EV-08";
    private const string Tarpit = "OXSMTP-EV-19";

    /// <summary>On a node of their own: its sessions are too short for any other row.</summary>
    private static readonly string[] Timers =
        ["OXSMTP-EV-01", "OXSMTP-EV-02", "OXSMTP-EV-04", "STANXPOP3-V0002", "STANXPOP3-V0003"];

    [Fact]
    public void A_node_with_small_limits_is_judged_row_by_row()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["MaxRecipientsPerMessage"] = 12;
        settings.Gateway["MaxHopCount"] = 6;
        settings.Gateway["MaxLocalHopCount"] = 2;
        settings.Gateway["MaxHeaderSize"] = 20_000;
        settings.Gateway["MaxMessageSize"] = 100_000;
        settings.Gateway["MaxInboundConnections"] = 12;
        settings.Gateway["MaxInboundConnectionPerSource"] = 6;
        settings.Gateway["MaxInboundConnectionPercentagePerSource"] = 100;
        foreach (JsonNode? binding in settings.Root["Smtp"]!["Bindings"]!.AsArray())
        {
            binding!["TarpitInterval"] = "00:00:00";
            binding["AuthTarpitInterval"] = "00:00:00";
        }

        settings.Pop3["LoginType"] = "SecureLogin";
        string keytab = workplace.File("keytab");
        File.WriteAllBytes(keytab, Keytab.Of("smtp", "pop"));
        settings.Root["Accounts"] = new JsonObject
        {
            ["NtlmUserFile"] = workplace.Write("users", "CORP:user0001:secret\n"),
            ["KerberosKeytabFile"] = keytab,
        };
        using Node node = Node.Start(settings);

        Dictionary<string, JsonElement> rows = Judge(
            node, "--max-recipients", "12", "--max-hops", "6", "--max-local-hops", "2",
            "--max-header-size", "20000", "--connections", "12", "--connections-per-source", "6", "--tarpit", "0");

        string[] wrong = [.. rows.Values.Where(row => Verdict(row) != ExpectedVerdict(row)).Select(row => $"{row}")];
        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
        Assert.Equal(164, rows.Count);
    }

    /// <summary>By themselves: other rows would use a minute's messages up, or owe the wait of an error.</summary>
    [Theory]
    [InlineData(Rate, "MessageRateLimit", "5", "--rate-limit", "5")]
    [InlineData(Tarpit, "TarpitInterval", "00:00:01", "--tarpit", "1")]
    public void A_row_is_judged_on_a_node_of_its_own(
        string id, string key, string value, string option, string given)
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["TarpitInterval"] = "00:00:00";
        settings.Gateway["MessageRateSource"] = "IPAddress";
        settings.Gateway[key] = value;
        using Node node = Node.Start(settings);

        Dictionary<string, JsonElement> rows = Judge(
            node, option, given, "--only", id);

        JsonElement row = Assert.Single(rows.Values);
        Assert.True(Verdict(row) == "pass", $"{row}");
    }

    [Fact]
    public void The_timers_are_judged_where_they_are_short()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["ConnectionTimeout"] = "00:00:08";
        settings.Gateway["ConnectionInactivityTimeout"] = "00:00:03";
        settings.Pop3["PreAuthenticatedConnectionTimeout"] = "00:00:02";
        settings.Pop3["AuthenticatedConnectionTimeout"] = "00:00:03";
        using Node node = Node.Start(settings);

        Dictionary<string, JsonElement> rows = Judge(
            node,
            ["--connection-time", "8", "--idle", "3", "--pop3-idle", "2", "--pop3-idle-logged-on", "3", "--only",
                .. Timers]);

        Assert.Equal(Timers, rows.Keys);
        Assert.All(rows.Values, row => Assert.True(Verdict(row) == "pass", $"{row}"));
    }

    [Fact]
    public void A_server_that_is_not_there_is_told_from_one_that_fails()
    {
        ToolResult result = Tool.Try(Programs.MailCluster, null, "conformance", "--target", "127.0.0.1:1");

        Assert.Equal(69, result.ExitCode);
        Assert.Contains("No connection to 127.0.0.1:1", result.Output, StringComparison.Ordinal);
    }

    private static Dictionary<string, JsonElement> Judge(Node node, params string[] more)
    {
        ToolResult result = Tool.Try(Programs.MailCluster, Node.Password(1) + "\n",
        [
            "conformance", "--json", "--target", $"{node.Smtp}", "--submission", $"{node.Endpoint("submission")}",
            "--pop3", $"{node.Pop3}", "--recipient", Node.User(1), "--user", Node.User(1), "--password-stdin", .. more,
        ]);
        Assert.True(result.ExitCode == 0,
            string.Create(CultureInfo.InvariantCulture, $"exit code {result.ExitCode}\n{result.Output}"));
        return JsonDocument.Parse(result.Output).RootElement.EnumerateArray()
            .ToDictionary(row => row.GetProperty("id").GetString()!);
    }

    private static string Verdict(JsonElement row) => row.GetProperty("verdict").GetString()!;

    private static string ExpectedVerdict(JsonElement row)
    {
        string id = row.GetProperty("id").GetString()!;
        return Verdict(row) == "not observable" ? "not observable"
            : Timers.Contains(id) || id is Rate or Tarpit ? "not run"
            : "pass";
    }
}
