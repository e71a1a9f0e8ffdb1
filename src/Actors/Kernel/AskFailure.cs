namespace MailCluster.Actors.Kernel;

/// <summary>Why a message was dropped or an ask got no reply.</summary>
public enum AskFailure
{
    /// <summary>
    /// A bound was reached: mailbox, stash, entities of a region, outstanding asks. Trying later may help.
    /// </summary>
    MailboxFull,

    /// <summary>No reply in time; whether the message was handled is not known.</summary>
    DeadlinePassed,

    /// <summary>The actor or its system has ended.</summary>
    Stopped,

    /// <summary>The turn threw, or the actor gave up on it.</summary>
    Failed,

    /// <summary>
    /// Nothing was done: the home is elsewhere, on its way or out of reach. Asking there, or later, may help.
    /// </summary>
    NotHere,

    /// <summary>A link or a home was lost in the middle; whether the message was handled is not known.</summary>
    Interrupted,
}
