namespace MailCluster.Actors.Delivery;

/// <summary>Deadlines of the final commit of a message.</summary>
public sealed record DeliveryOptions
{
    /// <summary>
    /// How long the mailboxes of a message may take to contribute to its commit, loading included, before it is spooled
    /// instead. Default 2 s: far above what a mailbox that is well takes, far below what a client waits; and while one
    /// of several is silent, the others take no mail. The commit itself has no deadline: what is in the lane ends, and
    /// only its end is the truth.
    /// </summary>
    public TimeSpan DirectPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The same when the acknowledgement may be delayed by nothing or little. Default 250 ms: a mailbox may still have
    /// to be loaded.
    /// </summary>
    public TimeSpan DirectPatienceMin { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How long a mailbox may take to contribute to the commit of an imported message. Default 10 s: no client waits,
    /// and what is not taken is sent again.
    /// </summary>
    public TimeSpan ImportPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Octets of an imported message that go to another home in one ask; what stands behind them is staged before.
    /// Default 32 KiB: half a frame, and sixteen messages are an eighth of what may wait for a link.
    /// </summary>
    public int ImportedHeadMax { get; init; } = 32 * 1024;

    /// <summary>
    /// Units tried for one message. Default 4: a recipient may be removed, or its actor restarted, between being found
    /// ready and its turn; more often than that in a row is no coincidence.
    /// </summary>
    public int AttemptsMax { get; init; } = 4;

    /// <summary>
    /// Octets of a message, or of what stands before its staged chunks, that go to another home in one ask. Default
    /// 60 KiB: with its names it has to fit into a frame. What is larger, and all when it is negative, goes through the
    /// spool.
    /// </summary>
    public int ForwardedHeadMax { get; init; } = 60 * 1024;

    /// <summary>Mailboxes of one such ask. Default 256: they have to fit into the frame as well.</summary>
    public int ForwardedMailboxesMax { get; init; } = 256;

    /// <summary>
    /// Between two looks at what became of a message that another home was asked to commit, while the store fails.
    /// Default 0.5 s.
    /// </summary>
    public TimeSpan UnknownPause { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// So often in a row the store, while it answers, may refuse such a message before its sender hears that it was not
    /// taken. Default 60: the home's commit was decided long before.
    /// </summary>
    public int UnknownAttemptsMax { get; init; } = 60;

    /// <summary>Half of the delay at most: the other half is for the delivery from the spool.</summary>
    public TimeSpan PatienceWithin(TimeSpan acknowledgementDelay)
    {
        var half = acknowledgementDelay / 2;
        return half < DirectPatienceMin ? DirectPatienceMin : half < DirectPatience ? half : DirectPatience;
    }
}
