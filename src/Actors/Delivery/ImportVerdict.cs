namespace MailCluster.Actors.Delivery;

/// <summary>What became of a message that was to be imported.</summary>
public enum ImportVerdict
{
    /// <summary>Durable.</summary>
    Stored,

    /// <summary>Imported before; nothing was written.</summary>
    AlreadyThere,

    /// <summary>
    /// Another message of the mailbox has, or had, its unique-id; nothing was written (STANXPOP3-C0008).
    /// </summary>
    UniqueIdTaken,

    /// <summary>Later perhaps: a full lane, a store that fails, a home that did not answer.</summary>
    Unavailable,

    /// <summary>Nothing was written: the mailbox moves, or its home is another one than was thought.</summary>
    NotHere,
}
