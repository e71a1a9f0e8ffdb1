using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using MailCluster.Shared.Accounts;

namespace MailCluster.Actors.Accounts;

/// <summary>
/// Keys for users who do not exist: the same shape, the same for every question about one name, and no password fits
/// (RFC 5802 §9). Without the secret nobody can tell them from real ones.
/// </summary>
/// <param name="iterations">As of new passwords.</param>
/// <param name="secret">
/// The same on all nodes, or two of them would tell a decoy by its two salts; empty: this node's own.
/// </param>
internal sealed class DecoyKeys(int iterations, ImmutableArray<byte> secret)
{
    private readonly byte[] _secret = secret.IsDefaultOrEmpty
        ? RandomNumberGenerator.GetBytes(HMACSHA256.HashSizeInBytes) : [.. secret];

    /// <param name="user">As the client wrote it; folded here, because real names are folded too.</param>
    public ScramKeys For(string user)
    {
        var name = Encoding.UTF8.GetBytes(user.ToLowerInvariant());
        return new ScramKeys(
            [.. Part(0, name).AsSpan(0, PasswordHasher.SaltOctets)],
            iterations,
            [.. Part(1, name)],
            [.. Part(2, name)]);
    }

    private byte[] Part(byte part, byte[] name) => HMACSHA256.HashData(_secret, (byte[])[part, .. name]);
}
