namespace MailCluster.Actors.Delivery;

/// <summary>Deadlines of the final commit of a message.</summary>
public sealed record DeliveryOptions
{
    /// <summary>
    /// How long the one mailbox of a message may take to contribute, loading included. Default 10 s. It bounds what one
    /// mailbox that is stuck can cost: its share is withdrawn and the message tried again or refused with 451. The
    /// commit itself has no deadline: what is in the lane ends, and only its end is the truth.
    /// </summary>
    public TimeSpan ContributeDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The same with several recipients. Default 2 s: they are loaded before, and while one is silent, the
    /// others take no mail.
    /// </summary>
    public TimeSpan SharedContributeDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Loading the mailboxes of a message with several recipients before its unit is made. Default 10 s.
    /// </summary>
    public TimeSpan PrepareDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Units tried for one message. Default 4: a recipient may be removed, or its actor restarted, between being found
    /// ready and its turn; more often than that in a row is no coincidence.
    /// </summary>
    public int AttemptsMax { get; init; } = 4;
}
