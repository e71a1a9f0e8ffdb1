using MailCluster.Actors.Kernel;

namespace MailCluster.Actors.Limits;

/// <summary>Bounds and deadlines of the homes of sources.</summary>
public sealed record SourceLimitOptions
{
    /// <summary>
    /// How long a client's greeting or MAIL may wait for a home. Default 500 ms: on one node a home answers within
    /// microseconds, so this is for a home that is failing.
    /// </summary>
    public TimeSpan AskDeadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Homes in memory. Default 250,000 (100 MB when each holds a window): 4000 new sources a second that all send, or
    /// as many with open connections. One without permits and without messages of the last minute makes room; when
    /// none of those looked at may go, a new source is <see cref="Admission.Unreachable"/>.
    /// </summary>
    public int HomesMax { get; init; } = 250_000;

    /// <summary>
    /// A home that has nothing to remember ends after this long. Default 61 s, as long as a window lasts.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(61);

    /// <summary>
    /// How long a client is remembered as one that was sent an error (OXSMTP-EV-19). Default 10 minutes.
    /// </summary>
    public TimeSpan DebtLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Clients so remembered, 61 octets each; the oldest is forgotten. Default 1,000,000.</summary>
    public int DebtsMax { get; init; } = 1_000_000;

    /// <summary>
    /// How long a refusal answers for its source without an ask, unless a permit is given back. Default 1 s.
    /// </summary>
    public TimeSpan RefusalLifetime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Refusals so kept; beyond, the oldest costs an ask again. Default 65,536.</summary>
    public int RefusalsMax { get; init; } = 65_536;

    public LogonLimitOptions Logons { get; init; } = new();

    /// <summary>Which start of which node permits belong to; a cluster gives each start its own. Default 1.</summary>
    public long Incarnation { get; init; } = 1;

    /// <summary>
    /// Unknown to clients, so that they cannot choose addresses that share a hash chain. Default 0, for tests.
    /// </summary>
    public ulong HashSecret { get; init; }

    internal ActorOptions ForActors() => new()
    {
        RunsInline = true,
        IdleTimeout = IdleTimeout,
        EntitiesMax = HomesMax,
        MaxBackoff = TimeSpan.FromSeconds(5),
    };
}
