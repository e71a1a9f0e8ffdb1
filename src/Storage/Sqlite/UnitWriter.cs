using System.Diagnostics;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

/// <summary>Turns the operations of a unit into rows, inside a transaction that the caller holds.</summary>
internal sealed class UnitWriter(Database database, CounterBook counters, TimeProvider time)
{
    /// <summary>Chunk rows are numbered body * 65536 + sequence.</summary>
    public const int ChunkShift = 16;

    private readonly SpoolWriter _spool = new(database);
    private readonly Statement _insertBody =
        database.Get("INSERT INTO body (id, octets, chunks, head) VALUES (?, ?, ?, ?)");
    private readonly Statement _findBody = database.Get("SELECT 1 FROM body WHERE id = ?");
    private readonly Statement _insertChunk = database.Get("INSERT INTO body_chunk (id, octets) VALUES (?, ?)");
    private readonly Statement _stage =
        database.Get("INSERT INTO staged (body, chunks, octets, since) VALUES (?, 1, ?, ?)");
    private readonly Statement _stageMore = database.Get(
        "UPDATE staged SET chunks = chunks + 1, octets = octets + ?, since = ? WHERE body = ? AND chunks = ? AND "
            + "octets = ?");

    private readonly Statement _unstage = database.Get("DELETE FROM staged WHERE body = ? RETURNING chunks, octets");
    private readonly Statement _dropChunks = database.Get("DELETE FROM body_chunk WHERE id BETWEEN ? AND ?");
    private readonly Statement _insertMessage = database.Get(
        "INSERT INTO message (mailbox, number, folder, uid, modseq, body, octets, wire_octets, internal_date, traits, "
        + "flags, foreign_unique_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    private readonly Statement _takeForeign = database.Get(
        "INSERT OR IGNORE INTO foreign_unique_id (mailbox, unique_id, number) VALUES (?, ?, ?)");

    private readonly Statement _recordImport = database.Get(
        "INSERT OR IGNORE INTO import_mark (mailbox, source, since) VALUES (?, ?, ?)");

    private readonly Statement _deleteMessage = database.Get(
        "DELETE FROM message WHERE mailbox = ? AND number = ? AND folder = ? RETURNING uid, body, octets");

    private readonly Statement _deleteKeywords =
        database.Get("DELETE FROM message_keyword WHERE mailbox = ? AND number = ?");
    private readonly Statement _insertTombstone = database.Get(
        "INSERT INTO tombstone (mailbox, modseq, folder, uid) VALUES (?, ?, ?, ?)");

    private readonly Statement _findReference = database.Get(
        "SELECT 1 FROM message WHERE body = ?1 UNION ALL SELECT 1 FROM spool WHERE body = ?1 LIMIT 1");

    private readonly Statement _unreferenced = database.Get(
        "INSERT OR REPLACE INTO unreferenced (body, since) VALUES (?, ?)");

    /// <summary>Rows that the transaction has added to the spool, less those that it took; set by who begins
    /// one.</summary>
    public long SpoolChange { get; set; }

    /// <summary>Null when all is written; otherwise why the unit is refused, and the transaction has to be
    /// undone.</summary>
    public string? Write(CommitUnit unit)
    {
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
                StoreOperation.MarkWarned mark => Warn(mark.Mailbox, null),
                StoreOperation.RearmWarning rearm => Warn(rearm.Mailbox, rearm.Below),
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

    private static bool IsThere(Statement statement, long key)
    {
        statement.Bind(1, key);
        var there = statement.Step();
        statement.Reset();
        return there;
    }

    private string? Insert(StoreOperation.InsertBody body, IReadOnlyList<StoreOperation> operations)
    {
        var staged = 0L;
        if (body.Chunks > 0)
        {
            _unstage.Bind(1, body.Body.Value);
            var there = _unstage.Step();
            var chunks = there ? _unstage.Long(0) : 0;
            staged = there ? _unstage.Long(1) : 0;
            _unstage.Reset();
            if (chunks != body.Chunks)
            {
                return "a body's staged chunks are not all there";
            }
        }

        if (body.Head.Length + staged != body.Octets)
        {
            return "a body's size is not the sum of its parts";
        }

        _insertBody.Bind(1, body.Body.Value);
        _insertBody.Bind(2, body.Octets);
        _insertBody.Bind(3, body.Chunks);
        _insertBody.Bind(4, body.Head.Span);
        _insertBody.Run();
        if (!IsReferenced(operations, body.Body.Value))
        {
            Unreferenced(body.Body.Value);
        }

        return null;
    }

    private string? Stage(StoreOperation.StageChunk chunk)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (chunk.Octets.Length is 0 or > BodyLayout.ChunkOctets || chunk.Sequence is < 1 or >= 1 << ChunkShift)
        {
            return "a staged chunk is out of range";
        }

        if (chunk.Sequence == 1)
        {
            _stage.Bind(1, chunk.Body.Value);
            _stage.Bind(2, chunk.Octets.Length);
            _stage.Bind(3, now);
            _stage.Run();
        }
        else
        {
            // Only a full chunk may be followed: readers find an offset's chunk by division.
            _stageMore.Bind(1, chunk.Octets.Length);
            _stageMore.Bind(2, now);
            _stageMore.Bind(3, chunk.Body.Value);
            _stageMore.Bind(4, chunk.Sequence - 1);
            _stageMore.Bind(5, (chunk.Sequence - 1L) * BodyLayout.ChunkOctets);
            _stageMore.Run();
            if (database.Changes != 1)
            {
                return "a staged chunk does not follow the one before it";
            }
        }

        _insertChunk.Bind(1, (chunk.Body.Value << ChunkShift) + chunk.Sequence);
        _insertChunk.Bind(2, chunk.Octets.Span);
        _insertChunk.Run();
        return null;
    }

    // Discarding what was never staged, or twice, is no fault.
    private string? Discard(long body)
    {
        _unstage.Bind(1, body);
        var there = _unstage.Step();
        _unstage.Reset();
        if (there)
        {
            _dropChunks.Bind(1, body << ChunkShift);
            _dropChunks.Bind(2, (body << ChunkShift) + (1 << ChunkShift) - 1);
            _dropChunks.Run();
        }

        return null;
    }

    private string? Insert(StoreOperation.InsertMessage message, IReadOnlyList<StoreOperation> operations)
    {
        var mailbox = counters.Find(message.Mailbox.Value);
        if (mailbox?.Find(message.Folder.Value) is not { } folder)
        {
            return "a message for a mailbox or folder that does not exist";
        }

        if (message.Number.Value <= mailbox.LastNumber || message.Uid.Value < folder.UidNext
            || message.ModSeq.Value < mailbox.ModSeq)
        {
            return "a message number, UID or MODSEQ that was given before";
        }

        var body = message.Body.Value;
        if (!IsWithin(operations, body) && !IsThere(_findBody, body))
        {
            return "a message without a body";
        }

        if (message.ForeignUniqueId is { } foreign && !TryTake(mailbox.Mailbox, foreign))
        {
            return "a foreign unique-id that was given before";
        }

        _insertMessage.Bind(1, mailbox.Mailbox);
        _insertMessage.Bind(2, message.Number.Value);
        _insertMessage.Bind(3, folder.Folder);
        _insertMessage.Bind(4, message.Uid.Value);
        _insertMessage.Bind(5, message.ModSeq.Value);
        _insertMessage.Bind(6, body);
        _insertMessage.Bind(7, message.Octets);
        _insertMessage.Bind(8, message.WireOctets);
        _insertMessage.Bind(9, message.InternalDate.ToUnixTimeMilliseconds());
        _insertMessage.Bind(10, (long)message.Traits);
        _insertMessage.Bind(11, (long)message.Flags);
        _insertMessage.Bind(12, message.ForeignUniqueId);
        _insertMessage.Run();
        mailbox.LastNumber = message.Number.Value;
        mailbox.ModSeq = message.ModSeq.Value;
        folder.LastNumber = message.Number.Value;
        folder.HighestModSeq = message.ModSeq.Value;
        folder.UidNext = message.Uid.Value + 1L;
        folder.Octets += message.Octets;
        folder.Oldest = Math.Min(folder.Oldest, message.InternalDate.ToUnixTimeMilliseconds());
        counters.Dirty(folder);
        return null;
    }

    private bool TryTake(long mailbox, string foreignUniqueId)
    {
        _takeForeign.Bind(1, mailbox);
        _takeForeign.Bind(2, foreignUniqueId);
        if (ForeignUniqueId.AsNumber(foreignUniqueId) is { } number)
        {
            _takeForeign.Bind(3, number.Value);
        }
        else
        {
            _takeForeign.BindNull(3);
        }

        _takeForeign.Run();
        return database.Changes == 1;
    }

    private string? Record(StoreOperation.RecordImport import)
    {
        _recordImport.Bind(1, import.Mailbox.Value);
        _recordImport.Bind(2, import.Key);
        _recordImport.Bind(3, time.GetUtcNow().ToUnixTimeMilliseconds());
        _recordImport.Run();
        return database.Changes == 1 ? null : "a message that was imported before";
    }

    private string? Delete(StoreOperation.DeleteMessages delete)
    {
        var mailbox = counters.Find(delete.Mailbox.Value);
        if (mailbox?.Find(delete.Folder.Value) is not { } folder)
        {
            return "a removal from a mailbox or folder that does not exist";
        }

        if (delete.ModSeq.Value < mailbox.ModSeq)
        {
            return "a MODSEQ that was given before";
        }

        foreach (var number in delete.Numbers)
        {
            _deleteMessage.Bind(1, mailbox.Mailbox);
            _deleteMessage.Bind(2, number.Value);
            _deleteMessage.Bind(3, folder.Folder);
            var there = _deleteMessage.Step();
            var uid = there ? _deleteMessage.Long(0) : 0;
            var body = there ? _deleteMessage.Long(1) : 0;
            folder.Octets -= there ? _deleteMessage.Long(2) : 0;
            _deleteMessage.Reset();
            if (!there)
            {
                return "a removal of a message that is not there";
            }

            _deleteKeywords.Bind(1, mailbox.Mailbox);
            _deleteKeywords.Bind(2, number.Value);
            _deleteKeywords.Run();
            _insertTombstone.Bind(1, mailbox.Mailbox);
            _insertTombstone.Bind(2, delete.ModSeq.Value);
            _insertTombstone.Bind(3, folder.Folder);
            _insertTombstone.Bind(4, uid);
            _insertTombstone.Run();
            if (!IsThere(_findReference, body))
            {
                Unreferenced(body);
            }
        }

        mailbox.Tombstones += delete.Numbers.Length;
        mailbox.ModSeq = delete.ModSeq.Value;
        folder.HighestModSeq = delete.ModSeq.Value;
        counters.Dirty(mailbox);
        counters.Dirty(folder);
        return null;
    }

    /// <param name="rearmBelow">Null: it is warned from now on.</param>
    private string? Warn(MailboxId mailbox, long? rearmBelow)
    {
        if (counters.Find(mailbox.Value) is not { } found)
        {
            return "a warning of a mailbox that does not exist";
        }

        var isWarned = rearmBelow is not { } below || (found.IsWarned && found.Octets() >= below);
        if (found.IsWarned != isWarned)
        {
            found.IsWarned = isWarned;
            counters.Dirty(found);
        }

        return null;
    }

    // Of a mailbox that was removed there is nothing to note.
    private string? Raise(StoreOperation.RaiseOldest raise)
    {
        if (counters.Find(raise.Mailbox.Value)?.Find(raise.Folder.Value) is { } folder
            && folder.LastNumber == raise.LastNumber.Value)
        {
            folder.Oldest = raise.Oldest?.ToUnixTimeMilliseconds() ?? long.MaxValue;
            counters.Dirty(folder);
        }

        return null;
    }

    private string? Insert(SpoolRow row, IReadOnlyList<StoreOperation> operations)
    {
        if (!IsWithin(operations, row.Body.Value) && !IsThere(_findBody, row.Body.Value))
        {
            return "a spooled message without a body";
        }

        _spool.Insert(row);
        SpoolChange++;
        return null;
    }

    private string? Take(StoreOperation.TakeSpooled taken, IReadOnlyList<StoreOperation> operations)
    {
        if (_spool.Take(taken.Id) is not { } body)
        {
            return "a spooled message that is not there";
        }

        SpoolChange--;
        if (!IsReferenced(operations, body) && !IsThere(_findReference, body))
        {
            Unreferenced(body);
        }

        return null;
    }

    private string? Defer(StoreOperation.DeferSpooled deferred)
    {
        _spool.Defer(deferred);
        return null;
    }

    private void Unreferenced(long body)
    {
        _unreferenced.Bind(1, body);
        _unreferenced.Bind(2, time.GetUtcNow().ToUnixTimeMilliseconds());
        _unreferenced.Run();
    }
}
