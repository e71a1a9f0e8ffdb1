using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Sqlite;

/// <summary>What stands in the lane: a unit of the actors, or other work of the writer in its turn.</summary>
internal readonly record struct LaneEntry(CommitUnit? Unit, WriterWork? Work, long Weight);

/// <summary>
/// The one queue of the one writer: places in order of arrival, bounded in octets and entries. Adding never blocks.
/// </summary>
internal sealed class CommitLane(SqliteStoreOptions options, StorageMetrics metrics) : ICommitter
{
    // Octets that a directory change stands for.
    private const int WorkWeight = 1024;

    // A monitor, not a Lock: the writer waits on it.
    private readonly object _gate = new();
    private readonly Queue<LaneEntry> _arrived = [];
    private long _octets;
    private int _entries;
    private bool _signalled;
    private bool _waiting;
    private bool _closed;

    public long Octets => Volatile.Read(ref _octets);

    public bool IsClosed => Volatile.Read(ref _closed);

    public bool TryEnqueue(CommitUnit unit)
    {
        if (TryAdd(new LaneEntry(unit, null, unit.Weight), wake: false))
        {
            return true;
        }

        metrics.LaneFull.Add(1);
        return false;
    }

    public void Completed(CommitUnit unit) => Wake();

    /// <summary>False when the lane is full or closed.</summary>
    public bool TryEnqueue(WriterWork work) => TryAdd(new LaneEntry(null, work, WorkWeight), wake: true);

    /// <summary>Has the writer look round although nothing arrived.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            Signal();
        }
    }

    /// <summary>Waits until something arrived or was completed, or the time is over; moves what arrived.
    /// False: closed and empty.</summary>
    public bool Take(Queue<LaneEntry> into, TimeSpan patience)
    {
        lock (_gate)
        {
            if (!_signalled && !_closed)
            {
                _waiting = true;
                _ = Monitor.Wait(_gate, patience);
                _waiting = false;
            }

            _signalled = false;
            while (_arrived.TryDequeue(out var entry))
            {
                into.Enqueue(entry);
            }

            return !_closed || into.Count > 0;
        }
    }

    /// <summary>Gives back the room of entries that have ended.</summary>
    public void Release(long octets, int entries)
    {
        lock (_gate)
        {
            _octets -= octets;
            _entries -= entries;
        }
    }

    /// <summary>Nothing more is taken; the writer ends what is there.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Signal();
        }
    }

    private bool TryAdd(LaneEntry entry, bool wake)
    {
        lock (_gate)
        {
            // A single entry larger than the bound would never find room: it is taken when the lane is empty.
            var full = _entries >= options.LaneUnitsMax
                || (_entries > 0 && _octets + entry.Weight > options.LaneOctetsMax);
            if (_closed || full)
            {
                return false;
            }

            _octets += entry.Weight;
            _entries++;
            _arrived.Enqueue(entry);
            if (wake)
            {
                Signal();
            }

            return true;
        }
    }

    private void Signal()
    {
        _signalled = true;
        if (_waiting)
        {
            Monitor.Pulse(_gate);
        }
    }
}
