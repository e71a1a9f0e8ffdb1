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
    /// Units tried for one message. Default 4: a recipient may be removed, or its actor restarted, between being found
    /// ready and its turn; more often than that in a row is no coincidence.
    /// </summary>
    public int AttemptsMax { get; init; } = 4;

    /// <summary>Half of the delay at most: the other half is for the delivery from the spool.</summary>
    public TimeSpan PatienceWithin(TimeSpan acknowledgementDelay)
    {
        var half = acknowledgementDelay / 2;
        return half < DirectPatienceMin ? DirectPatienceMin : half < DirectPatience ? half : DirectPatience;
    }
}
