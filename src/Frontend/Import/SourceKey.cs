using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace MailCluster.Frontend.Import;

/// <summary>Names of messages that are of one length whatever they are made from: 128 bits of SHA-256.</summary>
internal static class SourceKey
{
    public const int Octets = 16;

    public static string Of(string kind, string name) => Of(kind, SHA256.HashData(Encoding.UTF8.GetBytes(name)));

    public static string Of(string kind, ReadOnlySpan<byte> digest) =>
        $"{kind}.{Base64Url.EncodeToString(digest[..Octets])}";
}
