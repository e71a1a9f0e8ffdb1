namespace MailCluster.Storage.Sqlite;

/// <summary>The counters of one mailbox while the writer works on it; the rows are written once per batch.</summary>
internal sealed class MailboxCounters(long mailbox)
{
    private readonly List<FolderCounters> _folders = new(1);

    public long Mailbox { get; } = mailbox;

    /// <summary>The highest number given, over all folders and those that are gone (I4).</summary>
    public long LastNumber { get; set; }

    public long ModSeq { get; set; }

    public long Tombstones { get; set; }

    public long TombstoneFloor { get; set; }

    public bool IsWarned { get; set; }

    /// <summary>The mailbox's own row has to be written.</summary>
    public bool IsDirty { get; set; }

    public void Add(FolderCounters folder) => _folders.Add(folder);

    /// <summary>Of all messages.</summary>
    public long Octets()
    {
        var octets = 0L;
        foreach (var folder in _folders)
        {
            octets += folder.Octets;
        }

        return octets;
    }

    public FolderCounters? Find(int folder)
    {
        foreach (var candidate in _folders)
        {
            if (candidate.Folder == folder)
            {
                return candidate;
            }
        }

        return null;
    }
}

internal sealed class FolderCounters(MailboxCounters mailbox, int folder)
{
    public MailboxCounters Mailbox { get; } = mailbox;

    public int Folder { get; } = folder;

    public long UidNext { get; set; }

    public long HighestModSeq { get; set; }

    public long LastNumber { get; set; }

    /// <summary>The sum over the folder's messages.</summary>
    public long Octets { get; set; }

    /// <summary>Unix milliseconds; no message is older.</summary>
    public long Oldest { get; set; }

    public bool IsDirty { get; set; }
}
