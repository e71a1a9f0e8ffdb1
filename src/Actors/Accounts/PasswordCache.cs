using System.Security.Cryptography;
using System.Text;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Accounts;

/// <summary>
/// Passwords that were right a short while ago, as HMAC-SHA-256 under a key that only this process has and never
/// writes: a copy of the memory gives no password without that key, and nothing outlives the process. One per account,
/// bound to its credential version, so that a change of password or state makes it worthless at once.
/// </summary>
internal sealed class PasswordCache(int entriesMax, TimeSpan lifetime, TimeProvider time)
{
    private const int StackOctetsMax = 256;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(HMACSHA256.HashSizeInBytes);
    private readonly BoundedCache<AccountId, Success> _successes = new(entriesMax, lifetime, time);

    public bool Contains(AccountRecord account, string password)
    {
        if (!_successes.TryGet(account.Id, out var success) || success.CredentialVersion != account.CredentialVersion)
        {
            return false;
        }

        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Hash(account, password, digest);
        return CryptographicOperations.FixedTimeEquals(digest, success.Digest);
    }

    public void Add(AccountRecord account, string password)
    {
        if (lifetime > TimeSpan.Zero)
        {
            var digest = new byte[HMACSHA256.HashSizeInBytes];
            Hash(account, password, digest);
            _successes.Set(account.Id, new Success(account.CredentialVersion, digest));
        }
    }

    private void Hash(AccountRecord account, string password, Span<byte> digest)
    {
        const int Prefix = 2 * sizeof(long);
        var octetsMax = Prefix + Encoding.UTF8.GetMaxByteCount(password.Length);
        var text = octetsMax <= StackOctetsMax ? stackalloc byte[StackOctetsMax] : new byte[octetsMax];
        BitConverter.TryWriteBytes(text, account.Id.Value);
        BitConverter.TryWriteBytes(text[sizeof(long)..], account.CredentialVersion);
        var octets = Prefix + Encoding.UTF8.GetBytes(password, text[Prefix..]);
        HMACSHA256.HashData(_key, text[..octets], digest);
        CryptographicOperations.ZeroMemory(text);
    }

    private readonly record struct Success(long CredentialVersion, byte[] Digest);
}
