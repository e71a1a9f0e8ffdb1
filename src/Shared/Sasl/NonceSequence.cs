using System.Buffers.Binary;
using System.Security.Cryptography;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// The server nonces of one connection, one per authentication attempt (RFC 5802 §5.1): HMAC-SHA-256 of a counter under a
/// random seed that the shell gives. So the core stays free of randomness and no nonce comes twice.
/// </summary>
/// <param name="seed">At least 16 random octets, fresh for each connection.</param>
public sealed class NonceSequence(ReadOnlyMemory<byte> seed)
{
    /// <summary>Octets of the digest that are used: 144 bits, which base64 writes without padding.</summary>
    private const int NonceOctets = 18;

    private int _count;

    /// <summary>24 characters of A-Z a-z 0-9 + /.</summary>
    public string Next()
    {
        Span<byte> counter = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(counter, ++_count);
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(seed.Span, counter, digest);
        return Convert.ToBase64String(digest[..NonceOctets]);
    }
}
