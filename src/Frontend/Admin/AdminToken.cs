using System.Security.Cryptography;
using System.Text;

namespace MailCluster.Frontend.Admin;

/// <summary>
/// The bearer token of the admin API (RFC 6750): a file of one line, made at first start, readable by its owner only.
/// </summary>
internal sealed class AdminToken
{
    private const int Octets = 32;

    private readonly byte[] _digest;

    private AdminToken(string text) => _digest = SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads the file, or makes it with 32 random octets in hexadecimal.</summary>
    /// <exception cref="IOException">The file can be neither read nor made, or is empty.</exception>
    public static AdminToken LoadOrMake(string file)
    {
        var full = Path.GetFullPath(file);
        if (!File.Exists(full))
        {
            PrivateFile.Write(full, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Octets)) + "\n");
        }

        var text = File.ReadAllText(full).Trim();
        return text.Length > 0 ? new AdminToken(text) : throw new IOException($"The admin token file {full} is empty.");
    }

    /// <summary>In constant time, and of equal length whatever was given.</summary>
    public bool Matches(string given) =>
        CryptographicOperations.FixedTimeEquals(_digest, SHA256.HashData(Encoding.UTF8.GetBytes(given)));
}
