using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MailCluster.Actors.Accounts;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Whose failed logins count together: the name as it is compared, whether or not there is such a user, so that what it
/// leads to tells nothing. Eight octets of a hash, because clients choose names of any length.
/// </summary>
/// <param name="Value">The same on every node.</param>
public readonly record struct LogonName(ulong Value)
{
    public static LogonName Of(string user)
    {
        var folded = AddressName.TryParse(user, out var name)
            ? $"{name.LocalPart}@{name.Domain}"
            : user.ToLowerInvariant();
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(folded), hash);
        return new(BinaryPrimitives.ReadUInt64LittleEndian(hash));
    }
}
