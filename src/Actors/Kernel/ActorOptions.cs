namespace MailCluster.Actors.Kernel;

/// <summary>The bounds of one actor, or of every entity of a region.</summary>
public sealed record ActorOptions
{
    /// <summary>
    /// Messages that wait; a tell beyond is refused. 1 or more; default 1024, a few hundred milliseconds of work.
    /// </summary>
    public int MailboxCapacity { get; init; } = 1024;

    /// <summary>Messages put aside; default 1024, so that a full mailbox fits while an actor loads.</summary>
    public int StashCapacity { get; init; } = 1024;

    /// <summary>Timers set at once by one actor; default 64. One more is a bug of the actor and throws.</summary>
    public int TimersMax { get; init; } = 64;

    /// <summary>
    /// Turns before the actor goes to the end of the pool's queue; default 64, short enough to be fair.
    /// </summary>
    public int TurnsPerBatch { get; init; } = 64;

    /// <summary>
    /// Wait before the second restart in a row (the first is immediate); doubles with each further one. Default 100 ms.
    /// </summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Where the doubling ends; default 30 s, so that a store that is back is found within that.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time without failure after a restart that makes the next failure a first one; default 60 s.</summary>
    public TimeSpan BackoffReset { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A region's entity is passivated after this long without a message, at most an eighth later; default 5 minutes.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: never. Not used for actors spawned by name.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Entities of a region alive at once; default 100,000 (20 MB and their state). At the bound the longest idle one
    /// makes room; when none is idle, new ones are refused (<see cref="AskFailure.MailboxFull"/>).
    /// </summary>
    public int EntitiesMax { get; init; } = 100_000;

    /// <summary>
    /// True: who tells an idle actor runs its turn at once, on the thread it is on, so that an ask is mostly answered
    /// when it returns. For short turns only, as the teller waits for them. A busy actor queues as ever, a turn within
    /// such a turn goes to the pool, and so does all under a deterministic scheduler, which draws the order. Default
    /// false.
    /// </summary>
    public bool RunsInline { get; init; }

    internal ActorOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MailboxCapacity, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(StashCapacity);
        ArgumentOutOfRangeException.ThrowIfNegative(TimersMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(TurnsPerBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(MinBackoff, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxBackoff, MinBackoff);
        ArgumentOutOfRangeException.ThrowIfLessThan(BackoffReset, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(EntitiesMax, 1);
        if (IdleTimeout != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(IdleTimeout, TimeSpan.Zero);
        }

        return this;
    }
}
