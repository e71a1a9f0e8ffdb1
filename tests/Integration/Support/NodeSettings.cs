using System.Text.Json;
using System.Text.Json.Nodes;

namespace MailCluster.Integration.Support;

/// <summary>
/// How a node is started. Every port is 0: the system chooses, the ready file tells. However full the disk is, mail is
/// taken, unless a test is about that.
/// </summary>
internal sealed class NodeSettings
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public NodeSettings(Workplace workplace)
    {
        Workplace = workplace;
        Root = (JsonObject)JsonNode.Parse("""
            {
              "Node": { "Name": "mx1.example.test", "DrainTimeout": "00:00:20" },
              "Smtp": {
                "Bindings": [
                  { "Name": "gateway", "Role": "Gateway", "Endpoint": "127.0.0.1:0,[::1]:0", "Tls": "StartTls" },
                  { "Name": "submission", "Role": "Submission", "Endpoint": "127.0.0.1:0", "Tls": "StartTls" },
                  { "Name": "submissions", "Role": "Submission", "Endpoint": "127.0.0.1:0", "Tls": "Implicit" }
                ]
              },
              "Pop3": {
                "Bindings": [
                  { "Name": "pop3", "Endpoint": "127.0.0.1:0,[::1]:0", "Tls": "StartTls" },
                  { "Name": "pop3s", "Endpoint": "127.0.0.1:0", "Tls": "Implicit" }
                ],
                "LoginType": "PlainTextLogin"
              },
              "BackPressure": { "MinFreeDisk": 0, "MaxTurnDelay": "00:00:00", "MaxCommitDelay": "00:00:00" },
              "Http": { "Endpoint": "127.0.0.1:0" }
            }
            """)!;
        Root["Node"]!["DataDirectory"] = workplace.DataDirectory;
        Gateway["MaxInboundConnections"] = 5000;
        Gateway["MaxInboundConnectionPerSource"] = 5000;
        Gateway["MessageRateLimit"] = null;
        foreach (var binding in Root["Smtp"]!["Bindings"]!.AsArray())
        {
            // What is not about holding back would take 5 s per error.
            binding!["TarpitInterval"] = "00:00:00";
            binding["AuthTarpitInterval"] = "00:00:00";
        }

        Pop3["MaxConnectionsPerUser"] = null;
    }

    public Workplace Workplace { get; }

    public JsonObject Root { get; }

    public JsonObject Gateway => (JsonObject)Root["Smtp"]!["Bindings"]![0]!;

    public JsonObject BackPressure => (JsonObject)Root[nameof(BackPressure)]!;

    public JsonObject Pop3 => (JsonObject)Root[nameof(Pop3)]!;

    /// <summary>user0001@example.test with pass0001, and so on.</summary>
    public int SeedUsers { get; set; } = 5;

    /// <summary>What the program is started by, strace for example; the program and its arguments follow.</summary>
    public string[] Wrapper { get; set; } = [];

    public string Program { get; set; } = Programs.MailCluster;

    /// <summary>Instead of the program and its "serve", a script for example.</summary>
    public string[]? Command { get; set; }

    public TimeSpan LongestStart { get; set; } = TimeSpan.FromSeconds(90);

    public List<string> MoreArguments { get; } = [];

    /// <summary>On top of the tests' own environment.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public string WriteConfiguration()
    {
        JsonObject file = new() { ["MailCluster"] = Root.DeepClone() };
        return Workplace.Write("mailcluster.json", file.ToJsonString(Indented));
    }
}
