using System.Diagnostics;
using System.Runtime.InteropServices;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Gathers units into columns. Within a batch all insertions are written before all removals, so what would then be
/// judged in another order than the units stand in goes into the next batch: whatever follows a removal, a mark or a
/// discard for the same mailbox or body.
/// </summary>
internal sealed class CommitBatch
{
    private readonly Dictionary<ShardId, long> _guards = [];
    private readonly Dictionary<long, MailboxMark> _mailboxes = [];
    private readonly Dictionary<(long Mailbox, int Folder), int> _folders = [];
    private readonly HashSet<long> _existing = [];
    private readonly Dictionary<long, int> _stagedBy = [];
    private readonly Dictionary<long, int> _deferredBy = [];
    private readonly List<CommitUnit> _units = [];

    public CommitColumns Columns { get; } = new();

    public IReadOnlyList<CommitUnit> Units => _units;

    /// <summary>Rows that the batch adds to the spool, less those that it takes.</summary>
    public long SpoolChange { get; private set; }

    /// <summary>
    /// Null: it is in. Otherwise why not, and nothing of it is: with others before it, it belongs into the next batch;
    /// alone it is wrong in itself.
    /// </summary>
    public string? Add(CommitUnit unit)
    {
        var why = TryAdd(unit);
        if (why is null)
        {
            _units.Add(unit);
            return null;
        }

        CommitUnit[] before = [.. _units];
        Clear();
        foreach (var one in before)
        {
            _ = TryAdd(one);
            _units.Add(one);
        }

        return why;
    }

    public void Clear()
    {
        Columns.Clear();
        _guards.Clear();
        _mailboxes.Clear();
        _folders.Clear();
        _existing.Clear();
        _stagedBy.Clear();
        _deferredBy.Clear();
        _units.Clear();
        SpoolChange = 0;
    }

    private static bool IsWithin(IReadOnlyList<StoreOperation> operations, long body)
    {
        for (var index = 0; index < operations.Count; index++)
        {
            if (operations[index] is StoreOperation.InsertBody inserted && inserted.Body.Value == body)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsReferenced(IReadOnlyList<StoreOperation> operations, long body)
    {
        for (var index = 0; index < operations.Count; index++)
        {
            var isReference = operations[index] switch
            {
                StoreOperation.InsertMessage message => message.Body.Value == body,
                StoreOperation.InsertSpool spooled => spooled.Row.Body.Value == body,
                _ => false,
            };
            if (isReference)
            {
                return true;
            }
        }

        return false;
    }

    private string? TryAdd(CommitUnit unit)
    {
        foreach (var guard in unit.Guards)
        {
            if (!TryGuard(guard))
            {
                return "a shard under two epochs";
            }
        }

        var operations = unit.Operations;
        for (var index = 0; index < operations.Count; index++)
        {
            var refusal = operations[index] switch
            {
                StoreOperation.InsertMessage message => Insert(message, operations),
                StoreOperation.InsertBody body => Insert(body, operations),
                StoreOperation.StageChunk chunk => Stage(chunk),
                StoreOperation.DiscardStaged discard => Discard(discard.Body.Value),
                StoreOperation.DeleteMessages delete => Delete(delete),
                StoreOperation.RecordImport import => Record(import),
                StoreOperation.MarkWarned mark => Mark(mark.Mailbox.Value),
                StoreOperation.RearmWarning rearm => Rearm(rearm),
                StoreOperation.RaiseOldest raise => Raise(raise),
                StoreOperation.InsertSpool spooled => Insert(spooled.Row, operations),
                StoreOperation.TakeSpooled taken => Take(taken, operations),
                StoreOperation.DeferSpooled deferred => Defer(deferred),
                _ => throw new UnreachableException(),
            };
            if (refusal is not null)
            {
                return refusal;
            }
        }

        return null;
    }

    private bool TryGuard(ShardEpoch guard)
    {
        if (_guards.TryGetValue(guard.Shard, out var epoch))
        {
            return epoch == guard.Epoch;
        }

        _guards.Add(guard.Shard, guard.Epoch);
        Columns.GuardCell.Add(guard.Shard.Cell);
        Columns.GuardShard.Add(guard.Shard.Number);
        Columns.GuardEpoch.Add(guard.Epoch);
        return true;
    }

    private string? Insert(StoreOperation.InsertBody body, IReadOnlyList<StoreOperation> operations)
    {
        var staged = body.Octets - body.Head.Length;
        if (staged < 0 || (body.Chunks == 0 && staged != 0))
        {
            return "a body's size is not the sum of its parts";
        }

        if (body.Chunks > 0)
        {
            if (!TryTouchStaged(body.Body.Value))
            {
                return "a body with something that is staged or discarded before";
            }

            Columns.MadeLive.Add(body.Body.Value);
            Columns.MadeLiveChunks.Add(body.Chunks);
            Columns.MadeLiveOctets.Add(staged);
        }

        Columns.BodyId.Add(body.Body.Value);
        Columns.BodyOctets.Add(body.Octets);
        Columns.BodyChunks.Add(body.Chunks);
        Columns.BodyHead.Add(body.Head);
        if (!IsReferenced(operations, body.Body.Value))
        {
            Columns.Unreferenced.Add(body.Body.Value);
        }

        return null;
    }

    private string? Stage(StoreOperation.StageChunk chunk)
    {
        if (chunk.Octets.Length is 0 or > BodyLayout.ChunkOctets || chunk.Sequence is < 1 or >= 1 << 16)
        {
            return "a staged chunk is out of range";
        }

        if (!TryTouchStaged(chunk.Body.Value))
        {
            return "a staged chunk does not follow the one before it";
        }

        Columns.StageBody.Add(chunk.Body.Value);
        Columns.StageSequence.Add(chunk.Sequence);
        Columns.StageLength.Add(chunk.Octets.Length);
        Columns.StageOctets.Add(chunk.Octets);
        return null;
    }

    private string? Discard(long body)
    {
        if (!TryTouchStaged(body))
        {
            return "a discard of what is staged just now";
        }

        Columns.Discard.Add(body);
        return null;
    }

    /// <summary>True once in a batch for each body that is staged, discarded or made live from chunks.</summary>
    private bool TryTouchStaged(long body) => _stagedBy.TryAdd(body, _units.Count);

    private string? Insert(StoreOperation.InsertMessage message, IReadOnlyList<StoreOperation> operations)
    {
        ref var mark = ref MarkOf(message.Mailbox.Value);
        var key = (message.Mailbox.Value, message.Folder.Value);
        var isKnown = _folders.TryGetValue(key, out var at);
        if (mark.IsClosedBefore(_units.Count) || message.Number.Value <= mark.Number
            || message.ModSeq.Value < mark.ModSeq || (isKnown && message.Uid.Value < Columns.FolderUid[at]))
        {
            return "a message number, UID or MODSEQ that was given before";
        }

        var (number, modSeq, uidNext) = (message.Number.Value, message.ModSeq.Value, message.Uid.Value + 1L);
        var date = message.InternalDate.ToUnixTimeMilliseconds();
        mark.Number = number;
        mark.ModSeq = modSeq;
        if (!isKnown)
        {
            at = Columns.FolderMailbox.Count;
            _folders.Add(key, at);
            AddFolder(message);
        }

        Columns.FolderNumber[at] = number;
        Columns.FolderUid[at] = uidNext;
        Columns.FolderModSeq[at] = modSeq;
        Columns.FolderOctets[at] += message.Octets;
        Columns.FolderOldest[at] = Math.Min(Columns.FolderOldest[at], date);
        AddMessage(message, date);
        if (message.ForeignUniqueId is { } foreign)
        {
            Columns.ForeignMailbox.Add(message.Mailbox.Value);
            Columns.ForeignId.Add(foreign);
            Columns.ForeignNumber.Add(ForeignUniqueId.AsNumber(foreign)?.Value);
        }

        if (!IsWithin(operations, message.Body.Value) && NamedByTake(operations) != message.Body.Value)
        {
            Exists(message.Body.Value);
        }

        return null;
    }

    private void AddFolder(StoreOperation.InsertMessage first)
    {
        Columns.FolderMailbox.Add(first.Mailbox.Value);
        Columns.FolderId.Add(first.Folder.Value);
        Columns.FolderFirstNumber.Add(first.Number.Value);
        Columns.FolderFirstUid.Add(first.Uid.Value);
        Columns.FolderFirstModSeq.Add(first.ModSeq.Value);
        Columns.FolderNumber.Add(0);
        Columns.FolderUid.Add(0);
        Columns.FolderModSeq.Add(0);
        Columns.FolderOctets.Add(0);
        Columns.FolderOldest.Add(long.MaxValue);
    }

    private void AddMessage(StoreOperation.InsertMessage message, long date)
    {
        Columns.MessageMailbox.Add(message.Mailbox.Value);
        Columns.MessageNumber.Add(message.Number.Value);
        Columns.MessageFolder.Add(message.Folder.Value);
        Columns.MessageUid.Add(message.Uid.Value);
        Columns.MessageModSeq.Add(message.ModSeq.Value);
        Columns.MessageBody.Add(message.Body.Value);
        Columns.MessageOctets.Add(message.Octets);
        Columns.MessageWireOctets.Add(message.WireOctets);
        Columns.MessageDate.Add(date);
        Columns.MessageTraits.Add((int)message.Traits);
        Columns.MessageFlags.Add((int)message.Flags);
        Columns.MessageForeign.Add(message.ForeignUniqueId);
    }

    private void Exists(long body)
    {
        if (_existing.Add(body))
        {
            Columns.Existing.Add(body);
        }
    }

    private string? Record(StoreOperation.RecordImport import)
    {
        if (MarkOf(import.Mailbox.Value).IsClosedBefore(_units.Count))
        {
            return "an import behind a removal";
        }

        Columns.ImportMailbox.Add(import.Mailbox.Value);
        Columns.ImportKey.Add(import.Key);
        return null;
    }

    private string? Delete(StoreOperation.DeleteMessages delete)
    {
        ref var mark = ref MarkOf(delete.Mailbox.Value);
        if (!mark.TryClose(_units.Count) || delete.ModSeq.Value < mark.ModSeq || mark.IsRemoving)
        {
            return "a MODSEQ that was given before";
        }

        mark.ModSeq = delete.ModSeq.Value;
        mark.IsRemoving = true;
        foreach (var number in delete.Numbers)
        {
            Columns.DeleteMailbox.Add(delete.Mailbox.Value);
            Columns.DeleteFolder.Add(delete.Folder.Value);
            Columns.DeleteNumber.Add(number.Value);
            Columns.DeleteModSeq.Add(delete.ModSeq.Value);
        }

        Columns.RemovalMailbox.Add(delete.Mailbox.Value);
        Columns.RemovalFolder.Add(delete.Folder.Value);
        Columns.RemovalModSeq.Add(delete.ModSeq.Value);
        Columns.RemovalCount.Add(delete.Numbers.Length);
        return null;
    }

    private string? Mark(long mailbox)
    {
        if (!MarkOf(mailbox).TryClose(_units.Count))
        {
            return "a warning behind a removal";
        }

        Columns.Warned.Add(mailbox);
        return null;
    }

    private string? Rearm(StoreOperation.RearmWarning rearm)
    {
        if (!MarkOf(rearm.Mailbox.Value).TryClose(_units.Count))
        {
            return "a warning behind a removal";
        }

        Columns.RearmMailbox.Add(rearm.Mailbox.Value);
        Columns.RearmBelow.Add(rearm.Below);
        return null;
    }

    private string? Raise(StoreOperation.RaiseOldest raise)
    {
        if (!MarkOf(raise.Mailbox.Value).TryClose(_units.Count))
        {
            return "an oldest date behind a removal";
        }

        Columns.RaiseMailbox.Add(raise.Mailbox.Value);
        Columns.RaiseFolder.Add(raise.Folder.Value);
        Columns.RaiseOldest.Add(raise.Oldest?.ToUnixTimeMilliseconds() ?? long.MaxValue);
        Columns.RaiseNumber.Add(raise.LastNumber.Value);
        return null;
    }

    private string? Insert(SpoolRow row, IReadOnlyList<StoreOperation> operations)
    {
        if (!IsWithin(operations, row.Body.Value))
        {
            Exists(row.Body.Value);
        }

        Columns.SpoolId.Add(row.Id.Value);
        Columns.SpoolMailbox.Add(row.Mailbox.Value);
        Columns.SpoolShard.Add(row.Mailbox.Shard);
        Columns.SpoolBody.Add(row.Body.Value);
        Columns.SpoolOctets.Add(row.Octets);
        Columns.SpoolWireOctets.Add(row.WireOctets);
        Columns.SpoolSender.Add(row.Envelope.Sender);
        Columns.SpoolRecipient.Add(row.Envelope.Recipient);
        Columns.SpoolBodyType.Add(SpoolText.BodyType(row.Envelope.Body));
        Columns.SpoolUtf8.Add(row.Envelope.SmtpUtf8);
        Columns.SpoolUser.Add(row.Envelope.AuthenticatedUser);
        Columns.SpoolQueued.Add(row.Queued.ToUnixTimeMilliseconds());
        Columns.SpoolAttempts.Add(row.Attempts);
        Columns.SpoolNext.Add(SpoolText.Due(row.NextAttempt));
        Columns.SpoolError.Add(row.LastError);
        Columns.SpoolTraits.Add((int)row.Traits);
        SpoolChange++;
        return null;
    }

    private string? Take(StoreOperation.TakeSpooled taken, IReadOnlyList<StoreOperation> operations)
    {
        Columns.TakeId.Add(taken.Id.Value);
        Columns.TakeBody.Add(NamedByTake(operations));
        SpoolChange--;
        return null;
    }

    /// <summary>
    /// The body that the unit moves from its one row of the spool into messages: the row keeps it alive until then, so
    /// it needs no lock of its own. 0: the unit does something else.
    /// </summary>
    private static long NamedByTake(IReadOnlyList<StoreOperation> operations)
    {
        var takes = 0;
        var body = 0L;
        for (var index = 0; index < operations.Count; index++)
        {
            switch (operations[index])
            {
                case StoreOperation.TakeSpooled:
                    takes++;
                    break;
                case StoreOperation.InsertMessage message when !IsWithin(operations, message.Body.Value):
                    if (body != 0 && body != message.Body.Value)
                    {
                        return 0;
                    }

                    body = message.Body.Value;
                    break;
            }
        }

        return takes == 1 ? body : 0;
    }

    private string? Defer(StoreOperation.DeferSpooled deferred)
    {
        if (!_deferredBy.TryAdd(deferred.Id.Value, _units.Count))
        {
            return "an attempt noted twice";
        }

        Columns.DeferId.Add(deferred.Id.Value);
        Columns.DeferAttempts.Add(deferred.Attempts);
        Columns.DeferNext.Add(SpoolText.Due(deferred.NextAttempt));
        Columns.DeferError.Add(deferred.LastError);
        return null;
    }

    private ref MailboxMark MarkOf(long mailbox)
    {
        ref var mark = ref CollectionsMarshal.GetValueRefOrAddDefault(_mailboxes, mailbox, out var exists);
        if (!exists)
        {
            mark = new MailboxMark();
        }

        return ref mark;
    }

    /// <summary>How far a mailbox has come within the batch.</summary>
    private struct MailboxMark
    {
        private int _closedBy = -1;

        public MailboxMark()
        {
        }

        public long Number { get; set; } = long.MinValue;

        public long ModSeq { get; set; } = long.MinValue;

        public bool IsRemoving { get; set; }

        /// <summary>An earlier unit of the batch removes or marks: what comes now must be written after it.</summary>
        public readonly bool IsClosedBefore(int unit) => _closedBy >= 0 && _closedBy != unit;

        public bool TryClose(int unit)
        {
            if (IsClosedBefore(unit))
            {
                return false;
            }

            _closedBy = unit;
            return true;
        }
    }
}
