using System.Text.Json.Nodes;

namespace MailCluster.Integration.Support;

/// <summary>A realm with a node in it, for the tests of GSSAPI.</summary>
public sealed class KerberosNode : IDisposable
{
    private readonly Kdc? _kdc;
    private readonly Node? _node;

    public KerberosNode()
    {
        Tool.Require("curl");
        Workplace = new Workplace();
        try
        {
            _kdc = new Kdc(Workplace);
            string[] users = ["user0001", "user0002", "user0003", "stranger", "user0001/admin"];
            foreach (string user in users)
            {
                _kdc.AddUser(user, "ticket");
            }

            NodeSettings settings = new(Workplace) { SeedUsers = 3 };
            settings.Root["Accounts"] = new JsonObject
            {
                ["KerberosKeytabFile"] = _kdc.Keytab,
            };
            settings.Root["Log"] = new JsonObject { ["Level"] = "Debug" };
            ((JsonArray)settings.Root["Smtp"]!["Bindings"]!).Add(
                JsonNode.Parse("""
                    {
                      "Name": "plain", "Role": "Submission", "Endpoint": "127.0.0.1:0", "Tls": "None",
                      "SaslSupportedText": []
                    }
                    """));
            settings.Pop3["LoginType"] = "PlainTextAuthentication";
            settings.Environment["KRB5_CONFIG"] = _kdc.Environment["KRB5_CONFIG"];
            _node = Node.Start(settings);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal Workplace Workplace { get; }

    internal Kdc Kdc => _kdc!;

    internal Node Running => _node!;

    public void Dispose()
    {
        _node?.Dispose();
        _kdc?.Dispose();
        Workplace.Dispose();
    }
}
