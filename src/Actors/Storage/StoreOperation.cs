using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Storage;

/// <summary>One write of a commit. The store turns it into rows; it never sees a mailbox's rules.</summary>
public abstract record StoreOperation
{
    private StoreOperation()
    {
    }

    /// <summary>Octets that count against the lane's bound.</summary>
    public virtual long Weight => 256;

    /// <summary>
    /// Makes a body live. <paramref name="Head"/> is its beginning (all of it up to <see
    /// cref="BodyLayout.HeadOctetsMax"/>), which travels in this commit; the rest was staged before as chunks
    /// 1..<paramref name="Chunks"/>.
    /// </summary>
    public sealed record InsertBody(BodyId Body, ReadOnlyMemory<byte> Head, long Octets, int Chunks) : StoreOperation
    {
        public override long Weight => 256 + Head.Length;
    }

    /// <summary>
    /// Stages chunk <paramref name="Sequence"/> (from 1) of a body that is still arriving. Every chunk but the last is
    /// full.
    /// </summary>
    public sealed record StageChunk(BodyId Body, int Sequence, ReadOnlyMemory<byte> Octets) : StoreOperation
    {
        public override long Weight => 256 + Octets.Length;
    }

    /// <summary>Drops the staged chunks of a body that will never be live.</summary>
    public sealed record DiscardStaged(BodyId Body) : StoreOperation;

    /// <summary>
    /// Adds a message to a folder and advances the counters of mailbox and folder to what the row carries
    /// (last number, MODSEQ, UIDNEXT = Uid + 1). The unit is refused when a message of the mailbox has, or had, the
    /// same <paramref name="ForeignUniqueId"/> (STANXPOP3-C0008).
    /// </summary>
    public sealed record InsertMessage(
        MailboxId Mailbox,
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
        string? ForeignUniqueId = null) : StoreOperation;

    /// <summary>
    /// Remembers that the source's message <paramref name="Key"/> is in the mailbox, in the commit that puts it there.
    /// The unit is refused when it is there already, so that nothing is imported twice.
    /// </summary>
    public sealed record RecordImport(MailboxId Mailbox, string Key) : StoreOperation;

    /// <summary>
    /// Removes exactly these messages and leaves tombstones under <paramref name="ModSeq"/>. When the number of rows
    /// removed is not the number named, the unit is refused: nothing else may go (I5).
    /// </summary>
    public sealed record DeleteMessages(
        MailboxId Mailbox, FolderId Folder, ImmutableArray<MessageNumber> Numbers, ModSeq ModSeq) : StoreOperation
    {
        public override long Weight => 256 + (16L * Numbers.Length);
    }

    /// <summary>The mailbox has had the notice that it is nearly full.</summary>
    public sealed record MarkWarned(MailboxId Mailbox) : StoreOperation;

    /// <summary>
    /// Behind a removal: when the mailbox, as it is at this place of the lane, holds fewer octets than <paramref
    /// name="Below"/>, the next notice may come.
    /// </summary>
    public sealed record RearmWarning(MailboxId Mailbox, long Below) : StoreOperation;

    /// <summary>
    /// No message of the folder is older than <paramref name="Oldest"/> (null: it has none). Nothing when a message has
    /// arrived since <paramref name="LastNumber"/>, which may be older.
    /// </summary>
    public sealed record RaiseOldest(
        MailboxId Mailbox, FolderId Folder, DateTimeOffset? Oldest, MessageNumber LastNumber) : StoreOperation;

    /// <summary>Adds a copy that waits for its mailbox; its body is in this unit or in the store.</summary>
    public sealed record InsertSpool(SpoolRow Row) : StoreOperation
    {
        public override long Weight => 1024;
    }

    /// <summary>
    /// Removes a copy, in the unit that puts it into its mailbox. When it is gone already the unit is refused: nothing
    /// arrives twice (I2).
    /// </summary>
    public sealed record TakeSpooled(SpoolId Id) : StoreOperation;

    /// <summary>
    /// Notes an attempt that failed and when the next one is due; null: never, until somebody asks for it. Of a copy
    /// that has arrived meanwhile there is nothing to note.
    /// </summary>
    public sealed record DeferSpooled(SpoolId Id, int Attempts, DateTimeOffset? NextAttempt, string? LastError)
        : StoreOperation;
}
