namespace MailCluster.Actors.Cluster;

/// <summary>All times of membership follow from the lease.</summary>
public sealed record MembershipOptions
{
    /// <summary>How long a silent node keeps its shards.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(2.5);

    /// <summary>Shards of one hand-over: what one of them waits is the time for all of these.</summary>
    public int BatchShards { get; init; } = 64;

    /// <summary>
    /// What residents get to bring to an end what is under way; then the shards go without it. Well under the 500 ms
    /// that no mailbox may be away in a planned move.
    /// </summary>
    public TimeSpan LeavePatience { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Between one hand-over and the next: the new owner loads what it was given.</summary>
    public TimeSpan BatchPause { get; init; } = TimeSpan.FromMilliseconds(10);

    internal TimeSpan RenewEvery => LeaseDuration / 5;

    internal TimeSpan PollEvery => LeaseDuration / 10;

    /// <summary>Before the end of the lease that a node stops serving: 0.4 s of 2.5 s.</summary>
    internal TimeSpan Margin => LeaseDuration * 0.16;

    /// <summary>What a renewal may take: two can stay without an answer and the third still be in time.</summary>
    internal TimeSpan RenewPatience => LeaseDuration / 5;

    /// <summary>What another call of the store may take.</summary>
    internal TimeSpan CallPatience => LeaseDuration * 0.4;

    internal TimeSpan RetryAfter => LeaseDuration / 25;

    /// <summary>A longer time between two renewals is a gap.</summary>
    internal TimeSpan SteadyWithin => LeaseDuration / 2;

    /// <summary>How much later than the one before it each next node claims.</summary>
    internal TimeSpan ClaimStagger => LeaseDuration / 10;

    /// <summary>Between two reads that notifications ask for.</summary>
    internal TimeSpan ReadPause => LeaseDuration / 250;
}
