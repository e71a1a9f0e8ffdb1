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

    /// <summary>Nothing was written; later perhaps: a full lane, a store that fails.</summary>
    Unavailable,

    /// <summary>
    /// Nothing was written: the mailbox's home is another node (<see cref="MessageImporter.HomeOf"/>), or moves.
    /// </summary>
    NotHere,
}
