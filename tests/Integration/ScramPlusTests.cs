using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// SCRAM-SHA-256-PLUS (RFC 5802 §6, RFC 5929 §4) from the client's side: it binds to the hash of the certificate that
/// it sees.
/// </summary>
public sealed class ScramPlusTests
{
    private const string Plus = "SCRAM-SHA-256-PLUS";
    private const string GsHeader = "p=tls-server-end-point,,";

    [Theory]
    [InlineData("ECDSA-SHA256")]
    [InlineData("RSA-SHA256")]
    [InlineData("RSA-SHA384")]
    [InlineData("RSA-SHA512")]
    [Trait("Requirement", "EX07-RFC-4954")]
    public void A_client_that_sees_our_certificate_logs_in(string signature)
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, signature);
        using Dialogue smtp = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);

        Assert.StartsWith("v=", Login(smtp, Plus, GsHeader, Binding(smtp)), StringComparison.Ordinal);

        smtp.Ask("", "235 2.7.0");
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-4954")]
    public void After_STARTTLS_and_over_POP3_it_is_the_same()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, "ECDSA-SHA256");
        using Dialogue smtp = Dialogue.Connect(node.Smtp);
        smtp.Expect("220");
        Assert.DoesNotContain(Plus, smtp.Ask("EHLO client.example.test", "250"), StringComparison.Ordinal);
        smtp.Ask($"AUTH {Plus}", "538 5.7.11");
        smtp.Ask("STARTTLS", "220");
        smtp.UpgradeToTls();
        Assert.Contains(
            $"AUTH {Plus} SCRAM-SHA-256", smtp.Ask("EHLO client.example.test", "250"), StringComparison.Ordinal);
        Assert.StartsWith("v=", Login(smtp, Plus, GsHeader, Binding(smtp)), StringComparison.Ordinal);
        smtp.Ask("", "235 2.7.0");

        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        pop3.Expect("+OK");
        pop3.Ask("CAPA", "+OK");
        Assert.DoesNotContain(Plus, Encoding.ASCII.GetString(pop3.ReadMultiline()), StringComparison.Ordinal);
        pop3.Ask("STLS", "+OK");
        pop3.UpgradeToTls();
        pop3.Ask("CAPA", "+OK");
        Assert.Contains($"SASL {Plus} ", Encoding.ASCII.GetString(pop3.ReadMultiline()), StringComparison.Ordinal);
        Assert.StartsWith("v=", Login(pop3, Plus, GsHeader, Binding(pop3)), StringComparison.Ordinal);
        pop3.Ask("", "+OK");
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-4954")]
    public void Another_binding_is_refused_and_so_is_a_client_that_was_kept_from_binding()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, "ECDSA-SHA256");
        using Dialogue smtp = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        byte[] other = Binding(smtp);
        other[0] ^= 1;

        Assert.StartsWith("535 5.7.8", Login(smtp, Plus, GsHeader, other), StringComparison.Ordinal);
        Assert.StartsWith("535 5.7.8", Login(smtp, Plus, GsHeader, []), StringComparison.Ordinal);
        AssertMalformed(smtp, Plus, "p=tls-unique,,");
        AssertMalformed(smtp, Plus, "n,,");
        AssertMalformed(smtp, "SCRAM-SHA-256", "y,,");
        AssertMalformed(smtp, "SCRAM-SHA-256", GsHeader);
        Assert.StartsWith("v=", Login(smtp, "SCRAM-SHA-256", "n,,", []), StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_offered_by_choice_only()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        using Dialogue smtp = Dialogue.Connect(node.Endpoint("submissions"), tls: true);
        smtp.Expect("220");

        Assert.DoesNotContain(Plus, smtp.Ask("EHLO client.example.test", "250"), StringComparison.Ordinal);
        smtp.Ask($"AUTH {Plus}", "504 5.5.4");
        Assert.StartsWith("v=", Login(smtp, "SCRAM-SHA-256", "y,,", []), StringComparison.Ordinal);
    }

    private static Node Start(Workplace workplace, string signature)
    {
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Root["Tls"] = new JsonObject
        {
            ["Certificates"] = new JsonArray(new JsonObject
            {
                ["CertificateFile"] = workplace.File("cert.pem"),
                ["KeyFile"] = workplace.File("key.pem"),
            }),
        };
        using AsymmetricAlgorithm key = MakeCertificate(workplace, signature);
        foreach (JsonNode? binding in settings.Root["Smtp"]!["Bindings"]!.AsArray())
        {
            binding!["AuthMechanisms"] = new JsonArray(Plus, "SCRAM-SHA-256", "PLAIN");
        }

        settings.Pop3["AuthMechanisms"] = new JsonArray(Plus, "SCRAM-SHA-256");
        return Node.Start(settings);
    }

    private static AsymmetricAlgorithm MakeCertificate(Workplace workplace, string signature)
    {
        ECDsa? ecdsa = signature.StartsWith("ECDSA", StringComparison.Ordinal)
            ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : null;
        RSA? rsa = ecdsa is null ? RSA.Create(2048) : null;
        HashAlgorithmName hash = new(signature[(signature.IndexOf('-', StringComparison.Ordinal) + 1)..]);
        CertificateRequest request = ecdsa is not null
            ? new("CN=localhost", ecdsa, hash) : new("CN=localhost", rsa!, hash, RSASignaturePadding.Pkcs1);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        AsymmetricAlgorithm key = (AsymmetricAlgorithm?)ecdsa ?? rsa!;
        workplace.Write("cert.pem", certificate.ExportCertificatePem());
        workplace.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        return key;
    }

    /// <summary>RFC 5929 §4.1: by the hash of the certificate's signature.</summary>
    private static byte[] Binding(Dialogue dialogue)
    {
        X509Certificate2 certificate = dialogue.ServerCertificate;
        byte[] octets = certificate.RawData;
        return certificate.SignatureAlgorithm.FriendlyName switch
        {
            { } name when name.StartsWith("sha384", StringComparison.OrdinalIgnoreCase) => SHA384.HashData(octets),
            { } name when name.StartsWith("sha512", StringComparison.OrdinalIgnoreCase) => SHA512.HashData(octets),
            _ => SHA256.HashData(octets),
        };
    }

    private static void AssertMalformed(Dialogue smtp, string mechanism, string header) =>
        smtp.Ask($"AUTH {mechanism} {Encode($"{header}n={Node.User(1)},r=abc")}", "501 5.5.2");

    /// <returns>The server's signature, or its refusal.</returns>
    private static string Login(Dialogue dialogue, string mechanism, string header, byte[] binding)
    {
        string clientFirst = $"n={Node.User(1)},r={Convert.ToBase64String(RandomNumberGenerator.GetBytes(18))}";
        string serverFirst = Decode(dialogue.Ask($"AUTH {mechanism} {Encode(header + clientFirst)}"));
        Dictionary<char, string> fields = serverFirst.Split(',').ToDictionary(field => field[0], field => field[2..]);
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(Node.Password(1)), Convert.FromBase64String(fields['s']),
            int.Parse(fields['i'], CultureInfo.InvariantCulture), HashAlgorithmName.SHA256, 32);
        byte[] clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        string channel = Convert.ToBase64String([.. Encoding.ASCII.GetBytes(header), .. binding]);
        string withoutProof = $"c={channel},r={fields['r']}";
        byte[] signature = HMACSHA256.HashData(
            SHA256.HashData(clientKey), Encoding.UTF8.GetBytes($"{clientFirst},{serverFirst},{withoutProof}"));
        byte[] proof = [.. clientKey.Zip(signature, (key, mask) => (byte)(key ^ mask))];
        return Decode(dialogue.Ask(Encode($"{withoutProof},p={Convert.ToBase64String(proof)}")));
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    /// <summary>A challenge of either protocol, or the reply as it is.</summary>
    private static string Decode(string reply) =>
        reply.StartsWith("334 ", StringComparison.Ordinal) ? Text(reply[4..])
        : reply.StartsWith("+ ", StringComparison.Ordinal) ? Text(reply[2..])
        : reply;

    private static string Text(string base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64));
}
