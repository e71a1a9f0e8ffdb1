namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Counters of mailboxes that the writer touched lately. Nobody else writes them (the data directory is locked),
/// so what
/// is remembered is what is stored; after a rollback everything is forgotten.
/// </summary>
internal sealed class CounterBook(Database database, int tombstonesPerMailbox)
{
    private const int MailboxesMax = 16_384;

    private readonly Dictionary<long, MailboxCounters> _mailboxes = [];
    private readonly List<FolderCounters> _dirtyFolders = [];
    private readonly List<MailboxCounters> _dirtyMailboxes = [];
    private readonly List<(long Mailbox, long Octets)> _written = [];
    private readonly Statement _load = database.Get(
        "SELECT m.last_number, m.modseq, m.tombstones, m.tombstone_floor, f.id, f.uid_next, f.highest_modseq, "
            + "f.last_number, f.octets, f.oldest, m.is_warned "
        + "FROM mailbox m LEFT JOIN folder f ON f.mailbox = m.id WHERE m.id = ?");

    private readonly Statement _writeFolder = database.Get(
        "UPDATE folder SET uid_next = ?, highest_modseq = ?, last_number = ?, octets = ?, oldest = ? "
            + "WHERE mailbox = ? AND id = ?");

    private readonly Statement _writeMailbox = database.Get(
        "UPDATE mailbox SET last_number = ?, modseq = ?, tombstones = ?, tombstone_floor = ?, is_warned = ? "
            + "WHERE id = ?");

    // The newest tombstone of the older half; ties go under the floor together.
    private readonly Statement _tombstoneCut = database.Get(
        "SELECT modseq FROM tombstone WHERE mailbox = ? ORDER BY modseq LIMIT 1 OFFSET ?");

    private readonly Statement _tombstoneTrim = database.Get("DELETE FROM tombstone WHERE mailbox = ? AND modseq <= ?");

    /// <summary>Null when there is no such mailbox.</summary>
    public MailboxCounters? Find(long mailbox)
    {
        if (_mailboxes.TryGetValue(mailbox, out var known))
        {
            return known;
        }

        _load.Bind(1, mailbox);
        MailboxCounters? counters = null;
        while (_load.Step())
        {
            counters ??= new MailboxCounters(mailbox)
            {
                LastNumber = _load.Long(0),
                ModSeq = _load.Long(1),
                Tombstones = _load.Long(2),
                TombstoneFloor = _load.Long(3),
                IsWarned = _load.Long(10) != 0,
            };
            if (!_load.IsNull(4))
            {
                AddFolder(counters);
            }
        }

        _load.Reset();
        if (counters is not null)
        {
            _mailboxes.Add(mailbox, counters);
        }

        return counters;
    }

    public void Dirty(FolderCounters folder)
    {
        if (!folder.IsDirty)
        {
            folder.IsDirty = true;
            _dirtyFolders.Add(folder);
        }
    }

    public void Dirty(MailboxCounters mailbox)
    {
        if (!mailbox.IsDirty)
        {
            mailbox.IsDirty = true;
            _dirtyMailboxes.Add(mailbox);
        }
    }

    /// <summary>A new transaction: what was written in the one before is of no interest.</summary>
    public void Begin() => _written.Clear();

    /// <summary>The transaction is committed.</summary>
    public void Publish(UsageBook usage)
    {
        foreach (var (mailbox, octets) in _written)
        {
            usage.Committed(mailbox, octets);
        }
    }

    /// <summary>Writes each changed row once.</summary>
    public void Flush()
    {
        foreach (var folder in _dirtyFolders)
        {
            _writeFolder.Bind(1, folder.UidNext);
            _writeFolder.Bind(2, folder.HighestModSeq);
            _writeFolder.Bind(3, folder.LastNumber);
            _writeFolder.Bind(4, folder.Octets);
            _writeFolder.Bind(5, folder.Oldest);
            _writeFolder.Bind(6, folder.Mailbox.Mailbox);
            _writeFolder.Bind(7, folder.Folder);
            _writeFolder.Run();
            _written.Add((folder.Mailbox.Mailbox, folder.Mailbox.Octets()));
            folder.IsDirty = false;
        }

        foreach (var mailbox in _dirtyMailboxes)
        {
            TrimTombstones(mailbox);
            _writeMailbox.Bind(1, mailbox.LastNumber);
            _writeMailbox.Bind(2, mailbox.ModSeq);
            _writeMailbox.Bind(3, mailbox.Tombstones);
            _writeMailbox.Bind(4, mailbox.TombstoneFloor);
            _writeMailbox.Bind(5, mailbox.IsWarned ? 1 : 0);
            _writeMailbox.Bind(6, mailbox.Mailbox);
            _writeMailbox.Run();
            mailbox.IsDirty = false;
        }

        _dirtyFolders.Clear();
        _dirtyMailboxes.Clear();
        if (_mailboxes.Count > MailboxesMax)
        {
            _mailboxes.Clear();
        }
    }

    public void Forget()
    {
        _mailboxes.Clear();
        _dirtyFolders.Clear();
        _dirtyMailboxes.Clear();
    }

    private void AddFolder(MailboxCounters counters)
    {
        var folder = new FolderCounters(counters, (int)_load.Long(4))
        {
            UidNext = _load.Long(5),
            HighestModSeq = _load.Long(6),
            LastNumber = _load.Long(7),
            Octets = _load.Long(8),
            Oldest = _load.Long(9),
        };
        counters.Add(folder);
        counters.LastNumber = Math.Max(counters.LastNumber, folder.LastNumber);
        counters.ModSeq = Math.Max(counters.ModSeq, folder.HighestModSeq);
    }

    private void TrimTombstones(MailboxCounters mailbox)
    {
        if (mailbox.Tombstones <= 2L * tombstonesPerMailbox)
        {
            return;
        }

        _tombstoneCut.Bind(1, mailbox.Mailbox);
        _tombstoneCut.Bind(2, mailbox.Tombstones - tombstonesPerMailbox - 1);
        var floor = _tombstoneCut.Step() ? _tombstoneCut.Long(0) : 0;
        _tombstoneCut.Reset();
        _tombstoneTrim.Bind(1, mailbox.Mailbox);
        _tombstoneTrim.Bind(2, floor);
        _tombstoneTrim.Run();
        mailbox.Tombstones -= database.Changes;
        mailbox.TombstoneFloor = floor;
    }
}
