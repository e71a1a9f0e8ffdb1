using System.Collections.Immutable;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// What a turn changed. The store writes it as rows of one commit; there is no journal of events. An event counts
/// twice: its ids are taken at once (<see cref="MailboxState.Apply"/>), what it did is seen only after the commit (<see
/// cref="MailboxState.Publish"/>).
/// </summary>
public abstract record MailboxEvent
{
    private MailboxEvent()
    {
    }

    public sealed record MessageAdded(
        FolderId Folder,
        MessageNumber Number,
        Uid Uid,
        ModSeq ModSeq,
        BodyId Body,
        uint Octets,
        uint WireOctets,
        DateTimeOffset InternalDate,
        MessageTraits Traits = MessageTraits.None,
        MessageAttributes Flags = MessageAttributes.None,
        string? ForeignUniqueId = null) : MailboxEvent;

    /// <param name="Numbers">At least one, strictly ascending, all present and not being removed by an earlier
    /// event.</param>
    public sealed record MessagesRemoved(
        FolderId Folder, ImmutableArray<MessageNumber> Numbers, ModSeq ModSeq) : MailboxEvent;
}
