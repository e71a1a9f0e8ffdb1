using System.Collections.Immutable;

namespace MailCluster.Shared.Accounts;

/// <summary>
/// What is kept of a password (RFC 5802 §3, RFC 7677): never the password, never a key that logs in by itself.
/// </summary>
/// <param name="Iterations">
/// The PBKDF2 count that this verifier was made with; the stored count wins over the setting.
/// </param>
public sealed record ScramKeys(
    ImmutableArray<byte> Salt, int Iterations, ImmutableArray<byte> StoredKey, ImmutableArray<byte> ServerKey);
