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

    /// <summary>
    /// In a cluster, instead of <see cref="AskDeadline"/>: a home may be moving, or its node have died, which takes a
    /// lease to be known. Default 3 s: shorter than clients' patience, longer than most failovers.
    /// </summary>
    public TimeSpan ClusterAskDeadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a new home waits for what other nodes hold before it answers. Default 500 ms; one that is silent for
    /// longer may hold permits that are not known (decision 17).
    /// </summary>
    public TimeSpan GatherTime { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How often a node says what its connections hold to every home, so that what was lost on the way counts wrong for
    /// no longer. Default 5 s.
    /// </summary>
    public TimeSpan ReportInterval { get; init; } = TimeSpan.FromSeconds(5);

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
