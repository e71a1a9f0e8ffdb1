using MailCluster.Shared;

namespace MailCluster.Actors.Limits;

/// <summary>Whose messages a window counts (MessageRateSource).</summary>
public readonly record struct RateKey
{
    private RateKey(SourceKey? source, AccountId? user) => (Source, User) = (source, user);

    /// <summary>Null unless messages of one address count together.</summary>
    public SourceKey? Source { get; }

    /// <summary>Null unless messages of one user count together.</summary>
    public AccountId? User { get; }

    /// <summary>All messages of the binding count together.</summary>
    public static RateKey All => default;

    public static RateKey Of(SourceKey source) => new(source, null);

    public static RateKey Of(AccountId user) => new(null, user);
}
