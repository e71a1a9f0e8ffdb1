namespace MailCluster.Actors.Cluster;

/// <summary>Bounds of what a node asks of others.</summary>
public sealed record ShardAsksOptions
{
    /// <summary>
    /// Asks that wait for one other node's answer. Default 65,536: more than sessions of a node ask at once, for each
    /// waits for one answer at a time. One beyond fails (<see cref="Kernel.AskFailure.MailboxFull"/>).
    /// </summary>
    public int AsksMax { get; init; } = 65_536;

    /// <summary>
    /// Asks that wait because a shard moves or its home is out of reach. Default 10,000. One beyond fails.
    /// </summary>
    public int WaitsMax { get; init; } = 10_000;

    /// <summary>
    /// Before a home that refused or cannot be reached is asked again, unless homes change before. Default 25 ms: the
    /// other node's table may be older than this one's by that. Doubles.
    /// </summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>Where the doubling ends. Default 200 ms.</summary>
    public TimeSpan LastPause { get; init; } = TimeSpan.FromMilliseconds(200);

    internal TimeSpan PauseAfter(int tries)
    {
        var pause = FirstPause * (1 << Math.Min(tries, 16));
        return pause < LastPause ? pause : LastPause;
    }
}
