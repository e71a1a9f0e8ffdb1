using MailCluster.Shared;

namespace MailCluster.Actors.Limits;

/// <summary>What a new connection is told by the home of its source.</summary>
public enum Admission
{
    /// <summary>It holds a permit, which is given back by <see cref="SourceLimits.Release"/>.</summary>
    Admitted,

    /// <summary>As <see cref="Admitted"/>, and the client owes the wait of OXSMTP-EV-19 from an earlier connection.</summary>
    AdmittedOwing,

    /// <summary>Its source holds as many permits as it may (OXSMTP-EV-16); no permit.</summary>
    TooMany,

    /// <summary>The home did not answer in time; no permit. WhenLimitHomeUnreachable decides.</summary>
    Unreachable,
}

/// <summary>May this message be taken (OXSMTP-EV-08)?</summary>
public enum RateVerdict
{
    /// <summary>It may, and it counts.</summary>
    Taken,

    /// <summary>The window is full; it does not count.</summary>
    Exceeded,

    /// <summary>The home did not answer in time; it does not count.</summary>
    Unreachable,
}

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

/// <summary>
/// The limits that count over all nodes: permits, message rates and the debt of tarpitted clients, each kept by the one
/// actor of its source (I6).
/// </summary>
public sealed class SourceLimits
{
    private int _asked;

    /// <param name="binding">Limits count per binding, over all nodes.</param>
    /// <param name="connection">Never used twice by this process.</param>
    /// <param name="limit">Permits that the source may hold on this binding, this one included; at least 1.</param>
    public ValueTask<Admission> AdmitAsync(string binding, SourceKey source, long connection, int limit) =>
        new(_asked++ < 0 ? Admission.TooMany : Admission.Admitted);

    /// <summary>Idempotent; a connection that holds nothing may be named. Never waits.</summary>
    public void Release(string binding, SourceKey source, long connection)
    {
        _asked++;
    }

    /// <summary>Counts one message when the window (60 s, sliding) has room for it.</summary>
    /// <param name="perMinute">At least 1.</param>
    public ValueTask<RateVerdict> TakeMessageAsync(string binding, RateKey key, int perMinute) =>
        new(_asked++ < 0 ? RateVerdict.Exceeded : RateVerdict.Taken);

    /// <summary>
    /// An error was held back for this client: its next connection waits once more (OXSMTP-EV-19). Never waits.
    /// </summary>
    public void OweTarpit(SourceKey source)
    {
        _asked++;
    }
}
