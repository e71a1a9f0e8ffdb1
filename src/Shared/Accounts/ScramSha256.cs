using System.Security.Cryptography;
using System.Text;

namespace MailCluster.Shared.Accounts;

/// <summary>The keys and proofs of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677 §3).</summary>
public static class ScramSha256
{
    /// <summary>RFC 7677 §4 asks for at least so many.</summary>
    public const int IterationsMin = 4096;

    /// <summary>Octets of a digest, a key, a signature and a proof.</summary>
    public const int KeyOctets = SHA256.HashSizeInBytes;

    /// <summary>
    /// One PBKDF2 derivation of <paramref name="iterations"/> rounds: milliseconds, so never on a path that must be
    /// quick.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The password is one that <see cref="PasswordText.TryPrepare"/> refuses.
    /// </exception>
    public static ScramKeys Derive(string password, ReadOnlySpan<byte> salt, int iterations)
    {
        if (!PasswordText.TryPrepare(password, out var prepared))
        {
            throw new ArgumentException("Empty, too long or with control characters.", nameof(password));
        }

        Span<byte> salted = stackalloc byte[KeyOctets];
        Salt(prepared, salt, iterations, salted);
        Span<byte> clientKey = stackalloc byte[KeyOctets];
        HMACSHA256.HashData(salted, "Client Key"u8, clientKey);
        var keys = new ScramKeys(
            [.. salt], iterations, [.. SHA256.HashData(clientKey)], [.. HMACSHA256.HashData(salted, "Server Key"u8)]);
        CryptographicOperations.ZeroMemory(salted);
        CryptographicOperations.ZeroMemory(clientKey);
        return keys;
    }

    /// <summary>
    /// Is this the password that the keys were made of? The comparison takes the same time whatever the difference.
    /// </summary>
    public static bool Matches(ScramKeys keys, string password) =>
        PasswordText.TryPrepare(password, out _)
        && CryptographicOperations.FixedTimeEquals(
            Derive(password, keys.Salt.AsSpan(), keys.Iterations).StoredKey.AsSpan(), keys.StoredKey.AsSpan());

    /// <summary>
    /// H(ClientProof XOR HMAC(StoredKey, AuthMessage)) = StoredKey, compared in constant time (RFC 5802 §3).
    /// </summary>
    public static bool VerifyProof(ScramKeys keys, ReadOnlySpan<byte> authMessage, ReadOnlySpan<byte> clientProof)
    {
        if (clientProof.Length != KeyOctets)
        {
            return false;
        }

        Span<byte> clientKey = stackalloc byte[KeyOctets];
        HMACSHA256.HashData(keys.StoredKey.AsSpan(), authMessage, clientKey);
        Xor(clientKey, clientProof);
        Span<byte> digest = stackalloc byte[KeyOctets];
        SHA256.HashData(clientKey, digest);
        CryptographicOperations.ZeroMemory(clientKey);
        return CryptographicOperations.FixedTimeEquals(digest, keys.StoredKey.AsSpan());
    }

    /// <summary>HMAC(ServerKey, AuthMessage): shows the client that we know its keys too.</summary>
    public static byte[] ServerSignature(ScramKeys keys, ReadOnlySpan<byte> authMessage) =>
        HMACSHA256.HashData(keys.ServerKey.AsSpan(), authMessage);

    /// <summary>The client's half, for clients of ours: ClientKey XOR HMAC(H(ClientKey), AuthMessage).</summary>
    public static byte[] ClientProof(
        string password, ReadOnlySpan<byte> salt, int iterations, ReadOnlySpan<byte> authMessage)
    {
        if (!PasswordText.TryPrepare(password, out var prepared))
        {
            throw new ArgumentException("Not a password.", nameof(password));
        }

        Span<byte> salted = stackalloc byte[KeyOctets];
        Salt(prepared, salt, iterations, salted);
        var proof = HMACSHA256.HashData(salted, "Client Key"u8);
        Span<byte> signature = stackalloc byte[KeyOctets];
        HMACSHA256.HashData(SHA256.HashData(proof), authMessage, signature);
        Xor(proof, signature);
        return proof;
    }

    private static void Salt(string prepared, ReadOnlySpan<byte> salt, int iterations, Span<byte> salted)
    {
        var octets = Encoding.UTF8.GetBytes(prepared);
        Rfc2898DeriveBytes.Pbkdf2(octets, salt, salted, iterations, HashAlgorithmName.SHA256);
        CryptographicOperations.ZeroMemory(octets);
    }

    private static void Xor(Span<byte> left, ReadOnlySpan<byte> right)
    {
        for (var i = 0; i < left.Length; i++)
        {
            left[i] ^= right[i];
        }
    }
}
