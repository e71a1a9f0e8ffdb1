namespace MailCluster.Storage.Postgres;

/// <summary>
/// The rows of one batch, a list per column, so that each table is written by one statement. Kept and filled again by
/// the next batch: the statements hold on to these lists.
/// </summary>
internal sealed class CommitColumns
{
    public readonly List<int> GuardCell = [];
    public readonly List<int> GuardShard = [];
    public readonly List<long> GuardEpoch = [];

    public readonly List<long> BodyId = [];
    public readonly List<long> BodyOctets = [];
    public readonly List<int> BodyChunks = [];
    public readonly List<ReadOnlyMemory<byte>> BodyHead = [];

    /// <summary>Bodies that are in no message of their unit, and those that must be there already.</summary>
    public readonly List<long> Unreferenced = [];
    public readonly List<long> Existing = [];

    public readonly List<long> MadeLive = [];
    public readonly List<int> MadeLiveChunks = [];
    public readonly List<long> MadeLiveOctets = [];

    public readonly List<long> StageBody = [];
    public readonly List<int> StageSequence = [];
    public readonly List<int> StageLength = [];
    public readonly List<ReadOnlyMemory<byte>> StageOctets = [];
    public readonly List<long> Discard = [];

    public readonly List<long> MessageMailbox = [];
    public readonly List<long> MessageNumber = [];
    public readonly List<int> MessageFolder = [];
    public readonly List<long> MessageUid = [];
    public readonly List<long> MessageModSeq = [];
    public readonly List<long> MessageBody = [];
    public readonly List<long> MessageOctets = [];
    public readonly List<long> MessageWireOctets = [];
    public readonly List<long> MessageDate = [];
    public readonly List<int> MessageTraits = [];
    public readonly List<int> MessageFlags = [];
    public readonly List<string?> MessageForeign = [];

    /// <summary>
    /// One row for each folder that gets messages: what its first one needs, what its last one leaves.
    /// </summary>
    public readonly List<long> FolderMailbox = [];
    public readonly List<int> FolderId = [];
    public readonly List<long> FolderFirstNumber = [];
    public readonly List<long> FolderFirstUid = [];
    public readonly List<long> FolderFirstModSeq = [];
    public readonly List<long> FolderNumber = [];
    public readonly List<long> FolderUid = [];
    public readonly List<long> FolderModSeq = [];
    public readonly List<long> FolderOctets = [];
    public readonly List<long> FolderOldest = [];

    public readonly List<long> ForeignMailbox = [];
    public readonly List<string> ForeignId = [];
    public readonly List<long?> ForeignNumber = [];
    public readonly List<long> ImportMailbox = [];
    public readonly List<string> ImportKey = [];

    /// <summary>0: the row's body, whichever it is, may have lost its last reference.</summary>
    public readonly List<long> TakeBody = [];
    public readonly List<long> TakeId = [];

    public readonly List<long> SpoolId = [];
    public readonly List<long> SpoolMailbox = [];
    public readonly List<int> SpoolShard = [];
    public readonly List<long> SpoolBody = [];
    public readonly List<long> SpoolOctets = [];
    public readonly List<long> SpoolWireOctets = [];
    public readonly List<string> SpoolSender = [];
    public readonly List<string> SpoolRecipient = [];
    public readonly List<string> SpoolBodyType = [];
    public readonly List<bool> SpoolUtf8 = [];
    public readonly List<string?> SpoolUser = [];
    public readonly List<long> SpoolQueued = [];
    public readonly List<int> SpoolAttempts = [];
    public readonly List<long> SpoolNext = [];
    public readonly List<string?> SpoolError = [];
    public readonly List<int> SpoolTraits = [];

    public readonly List<long> DeferId = [];
    public readonly List<int> DeferAttempts = [];
    public readonly List<long> DeferNext = [];
    public readonly List<string?> DeferError = [];

    public readonly List<long> DeleteMailbox = [];
    public readonly List<int> DeleteFolder = [];
    public readonly List<long> DeleteNumber = [];
    public readonly List<long> DeleteModSeq = [];

    /// <summary>One row for each removal.</summary>
    public readonly List<long> RemovalMailbox = [];
    public readonly List<int> RemovalFolder = [];
    public readonly List<long> RemovalModSeq = [];
    public readonly List<long> RemovalCount = [];

    public readonly List<long> Warned = [];
    public readonly List<long> RearmMailbox = [];
    public readonly List<long> RearmBelow = [];
    public readonly List<long> RaiseMailbox = [];
    public readonly List<int> RaiseFolder = [];
    public readonly List<long> RaiseOldest = [];
    public readonly List<long> RaiseNumber = [];

    private readonly Action[] _clear;

    public CommitColumns() => _clear =
    [
        GuardCell.Clear, GuardShard.Clear, GuardEpoch.Clear, BodyId.Clear, BodyOctets.Clear, BodyChunks.Clear,
        BodyHead.Clear, Unreferenced.Clear, Existing.Clear, MadeLive.Clear, MadeLiveChunks.Clear,
        MadeLiveOctets.Clear, StageBody.Clear, StageSequence.Clear, StageLength.Clear, StageOctets.Clear,
        Discard.Clear,
        MessageMailbox.Clear, MessageNumber.Clear, MessageFolder.Clear, MessageUid.Clear, MessageModSeq.Clear,
        MessageBody.Clear, MessageOctets.Clear, MessageWireOctets.Clear, MessageDate.Clear, MessageTraits.Clear,
        MessageFlags.Clear, MessageForeign.Clear, FolderMailbox.Clear, FolderId.Clear, FolderFirstNumber.Clear,
        FolderFirstUid.Clear, FolderFirstModSeq.Clear, FolderNumber.Clear, FolderUid.Clear, FolderModSeq.Clear,
        FolderOctets.Clear, FolderOldest.Clear, ForeignMailbox.Clear, ForeignId.Clear, ForeignNumber.Clear,
        ImportMailbox.Clear, ImportKey.Clear, TakeBody.Clear, TakeId.Clear, SpoolId.Clear, SpoolMailbox.Clear,
        SpoolShard.Clear, SpoolBody.Clear, SpoolOctets.Clear, SpoolWireOctets.Clear, SpoolSender.Clear,
        SpoolRecipient.Clear, SpoolBodyType.Clear, SpoolUtf8.Clear, SpoolUser.Clear, SpoolQueued.Clear,
        SpoolAttempts.Clear, SpoolNext.Clear, SpoolError.Clear, SpoolTraits.Clear, DeferId.Clear, DeferAttempts.Clear,
        DeferNext.Clear, DeferError.Clear, DeleteMailbox.Clear, DeleteFolder.Clear, DeleteNumber.Clear,
        DeleteModSeq.Clear, RemovalMailbox.Clear, RemovalFolder.Clear, RemovalModSeq.Clear, RemovalCount.Clear,
        Warned.Clear, RearmMailbox.Clear, RearmBelow.Clear, RaiseMailbox.Clear, RaiseFolder.Clear,
        RaiseOldest.Clear, RaiseNumber.Clear,
    ];

    public void Clear()
    {
        foreach (var clear in _clear)
        {
            clear();
        }
    }
}
