using System.Collections.Immutable;

namespace MailCluster.Actors.Accounts;

/// <summary>Limits of the directory's caches and of password checking.</summary>
public sealed record AccountOptions
{
    /// <summary>
    /// Local names held, absent ones included. Default 100,000 (about 30 MB): the active users of a large node.
    /// </summary>
    public int NameCacheEntries { get; init; } = 100_000;

    /// <summary>Domains held, foreign ones included. Default 10,000.</summary>
    public int DomainCacheEntries { get; init; } = 10_000;

    /// <summary>
    /// Age at which a cached answer is asked again. Default 60 s: a change whose notice was lost is seen by then.
    /// </summary>
    public TimeSpan NameLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Aliases of aliases followed. Default 10; one more is a fault of the configuration (451).</summary>
    public int AliasDepthMax { get; init; } = 10;

    /// <summary>
    /// Addresses that one recipient may expand to. Default 1000, as in Postfix; one more is refused with 451.
    /// </summary>
    public int AliasTargetsMax { get; init; } = 1000;

    /// <summary>
    /// Successful passwords remembered. Default 100,000 (about 15 MB): a polling client costs one derivation, then a
    /// hash.
    /// </summary>
    public int PasswordCacheEntries { get; init; } = 100_000;

    /// <summary>
    /// How long a success is remembered. Default 10 minutes: longer than clients poll. Zero: not at all.
    /// </summary>
    public TimeSpan PasswordLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Derivations at one time, each on a thread of its own. Default: the processor's cores.</summary>
    public int DerivationsMax { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// Derivations that wait; one more is a temporary failure. Default 1024: about a second's work of one core.
    /// </summary>
    public int DerivationQueueMax { get; init; } = 1024;

    /// <summary>
    /// PBKDF2 iterations of new passwords and of decoys. Default 4096, the least that RFC 7677 §4 allows.
    /// </summary>
    public int Iterations { get; init; } = 4096;

    /// <summary>
    /// What the keys of users who do not exist are derived from: in a cluster the same on every node. Default empty:
    /// random octets of this process.
    /// </summary>
    public ImmutableArray<byte> DecoySecret { get; init; } = [];
}
