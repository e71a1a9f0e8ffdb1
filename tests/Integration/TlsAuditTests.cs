using System.Text.Json;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// What testssl.sh says of the TLS ports with a certificate such as an administrator would have: nothing above LOW.
/// </summary>
public sealed class TlsAuditTests(ITestOutputHelper output)
{
    private const string Name = "mail.example.test";

    [Fact]
    [Trait("Requirement", "EX07-RFC-4346")]
    public void Testssl_finds_no_weakness_above_low()
    {
        Tool.Require("testssl", "openssl");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        MakeCertificate(workplace);
        settings.Root["Tls"] = new JsonObject
        {
            ["Certificates"] = new JsonArray(new JsonObject
            {
                ["Names"] = new JsonArray(Name),
                ["CertificateFile"] = workplace.File("server.pem"),
                ["KeyFile"] = workplace.File("server.key"),
            }),
        };
        using Node node = Node.Start(settings);
        (string Binding, string[] Options)[] ports = [("gateway", ["-t", "smtp"]), ("pop3s", [])];

        // Mostly it waits for what must not happen: side by side they take as long as one.
        Parallel.ForEach(ports, port => Audit(workplace, node, port.Binding, port.Options));

        foreach ((string binding, _) in ports)
        {
            AssertNoWeakness(binding, workplace.File($"{binding}.json"));
        }
    }

    private static void Audit(Workplace workplace, Node node, string binding, string[] options) => Tool.Try(
        "testssl", null,
        [
            "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--fast", "--add-ca",
            workplace.File("ca.pem"), "--jsonfile", workplace.File($"{binding}.json"), "--ip", "127.0.0.1",
            "--protocols", "--std", "--server-defaults", "--server-preference", "--fs", "--heartbleed", "--ccs",
            "--robot", "--renegotiation", "--crime", "--poodle", "--sweet32", "--freak", "--drown", "--logjam",
            "--beast", "--lucky13", .. options, $"{Name}:{node.Endpoint(binding).Port}",
        ]);

    private void AssertNoWeakness(string binding, string report)
    {
        using JsonDocument findings = JsonDocument.Parse(File.ReadAllText(report));
        List<(string Id, string Severity, string Text)> all =
        [
            .. findings.RootElement.EnumerateArray().Select(finding => (
                finding.GetProperty("id").GetString()!, finding.GetProperty("severity").GetString()!,
                finding.GetProperty("finding").GetString()!)),
        ];
        all.ForEach(finding => output.WriteLine($"{binding} {finding}"));

        Assert.Contains(all, finding => finding is ("TLS1_3", "OK", _));
        Assert.Contains(all, finding => finding is ("cert_chain_of_trust", "OK", _));
        Assert.DoesNotContain(all, finding => finding.Severity is "MEDIUM" or "HIGH" or "CRITICAL" or "FATAL");
    }

    /// <summary>An authority of our own and what it signed for 90 days, as public ones do.</summary>
    private static void MakeCertificate(Workplace workplace)
    {
        Tool.Run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
            "-subj", "/CN=Test authority", "-keyout", workplace.File("ca.key"), "-out", workplace.File("ca.pem"));
        Tool.Run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
            "-subj", $"/CN={Name}", "-addext", $"subjectAltName=DNS:{Name}", "-addext",
            "extendedKeyUsage=serverAuth", "-addext", "keyUsage=digitalSignature", "-addext",
            "basicConstraints=critical,CA:FALSE", "-addext", "crlDistributionPoints=URI:http://ca.example.test/crl",
            "-CA", workplace.File("ca.pem"), "-CAkey", workplace.File("ca.key"), "-keyout",
            workplace.File("server.key"), "-out", workplace.File("server.pem"));
    }
}
