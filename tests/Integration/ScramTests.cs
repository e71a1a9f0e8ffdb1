using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// SCRAM-SHA-256 (RFC 5802, RFC 7677) from the client's side, since the packaged clients are built without it.
/// </summary>
public sealed class ScramTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_client_proves_its_password_and_the_server_proves_that_it_knows_it(bool right)
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        string password = right ? Node.Password(1) : "wrong";
        using Dialogue smtp = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);

        string nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        string clientFirst = $"n={Node.User(1)},r={nonce}";
        string serverFirst = Decode(smtp.Ask($"AUTH SCRAM-SHA-256 {Encode("n,," + clientFirst)}", "334 "));
        Dictionary<char, string> fields = serverFirst.Split(',').ToDictionary(field => field[0], field => field[2..]);
        Assert.StartsWith(nonce, fields['r'], StringComparison.Ordinal);
        int iterations = int.Parse(fields['i'], CultureInfo.InvariantCulture);
        Assert.InRange(iterations, 4096, 1_000_000);

        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(password), Convert.FromBase64String(fields['s']), iterations,
            HashAlgorithmName.SHA256, 32);
        byte[] clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        string withoutProof = $"c=biws,r={fields['r']}";
        byte[] signed = Encoding.UTF8.GetBytes($"{clientFirst},{serverFirst},{withoutProof}");
        byte[] signature = HMACSHA256.HashData(SHA256.HashData(clientKey), signed);
        byte[] proof = [.. clientKey.Zip(signature, (key, mask) => (byte)(key ^ mask))];
        string answer = smtp.Ask(Encode($"{withoutProof},p={Convert.ToBase64String(proof)}"));
        if (!right)
        {
            Assert.StartsWith("535 5.7.8", answer, StringComparison.Ordinal);
            return;
        }

        string serverFinal = Decode(answer);
        byte[] expected = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), signed);
        Assert.Equal($"v={Convert.ToBase64String(expected)}", serverFinal);
        smtp.Ask("", "235 2.7.0");
        smtp.Ask($"MAIL FROM:<{Node.User(1)}>", "250");
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Decode(string reply)
    {
        Assert.StartsWith("334 ", reply, StringComparison.Ordinal);
        return Encoding.UTF8.GetString(Convert.FromBase64String(reply[4..]));
    }
}
