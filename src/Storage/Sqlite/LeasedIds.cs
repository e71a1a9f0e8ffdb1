using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Ids of one kind from blocks that are durably taken before the first of them is given: after a crash the rest of a
/// block is lost, never given twice. The next block is asked for at half of the present one, so giving never waits.
/// </summary>
internal sealed class LeasedIds(string kind, long first, Func<WriterWork, bool> enqueue)
{
    public const string Bodies = "body";

    public const string Spool = "spool";

    /// <summary>Minutes of the fastest load; at 47 bits there are 134 million blocks.</summary>
    public const long Block = 1 << 20;

    private readonly Lock _gate = new();
    private long _next = first;
    private long _end = first + Block;
    private long _following;
    private bool _asked;

    private string Kind => kind;

    /// <summary>Takes a block; durable with the transaction that the caller holds.</summary>
    public static long Lease(Database database, string kind)
    {
        var lease = database.Get("UPDATE id_block SET next = next + ? WHERE kind = ? RETURNING next");
        lease.Bind(1, Block);
        lease.Bind(2, kind);
        _ = lease.Step();
        var end = lease.Long(0);
        lease.Reset();
        return end - Block;
    }

    /// <exception cref="StoreUnavailableException">The store has not written for a million messages.</exception>
    public long Next()
    {
        long id;
        bool ask;
        lock (_gate)
        {
            if (_next == _end)
            {
                if (_following == 0)
                {
                    throw new StoreUnavailableException($"No {kind} id is left: the store does not write.");
                }

                _next = _following;
                _end = _following + Block;
                _following = 0;
            }

            id = _next++;
            ask = !_asked && _following == 0 && _end - _next < Block / 2;
            _asked |= ask;
        }

        if (ask)
        {
            Ask();
        }

        return id;
    }

    private void Ask()
    {
        var work = new LeaseWork(this);
        if (!enqueue(work))
        {
            work.Failed(new StoreUnavailableException("The lane is full."));
        }
    }

    private sealed class LeaseWork(LeasedIds owner) : WriterWork
    {
        private long _first;

        public override void Run(Database database) => _first = Lease(database, owner.Kind);

        public override void Committed()
        {
            lock (owner._gate)
            {
                owner._following = _first;
                owner._asked = false;
            }
        }

        // The next id asks again.
        public override void Failed(Exception why)
        {
            lock (owner._gate)
            {
                owner._asked = false;
            }
        }
    }
}
