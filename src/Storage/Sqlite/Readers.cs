using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.Sqlite;

/// <summary>A few threads with a connection each: a read may wait for the disk, and the thread pool must not.</summary>
internal sealed class Readers : IDisposable
{
    private const int QueuedPerWake = 3;

    private readonly object _gate = new();
    private readonly Queue<ReadWork> _queue = [];
    private readonly List<Thread> _threads = [];
    private readonly int _waitingMax;
    private readonly ILogger _log;
    private readonly StorageMetrics _metrics;
    private readonly Stack<AutoResetEvent> _idle = [];
    private bool _closed;

    public Readers(Func<Database> open, SqliteStoreOptions options, ILogger log, StorageMetrics metrics)
    {
        _waitingMax = options.ReadsWaitingMax;
        _log = log;
        _metrics = metrics;
        for (var index = 0; index < options.ReaderThreads; index++)
        {
            var database = open();
            database.Execute("PRAGMA query_only=ON");
            var thread = new Thread(() => Run(database)) { Name = $"store-reader-{index}", IsBackground = true };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Never blocks; at the bound the read fails at once.</summary>
    public void Post(ReadWork work)
    {
        if (!TryQueue(work, out var wake))
        {
            work.Fail(new StoreUnavailableException(_closed ? "The store is closed." : "Too many reads are waiting."));
        }

        // Outside the lock, which it would ask for at once.
        _ = wake?.Set();
    }

    public Task<TResult> Ask<TResult>(Func<Database, TResult> read, CancellationToken cancellationToken)
    {
        var work = new ReadWork<TResult>(read, cancellationToken);
        Post(work);
        return work.Completion;
    }

    /// <summary>What waits is read before the threads end.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            while (_idle.TryPop(out var wake))
            {
                _ = wake.Set();
            }
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private bool TryQueue(ReadWork work, out AutoResetEvent? wake)
    {
        lock (_gate)
        {
            wake = null;
            if (_closed || _queue.Count >= _waitingMax)
            {
                return false;
            }

            _queue.Enqueue(work);

            // Waking a thread costs as much as the read: a reader that is awake, or about to be, takes a few in turn.
            // More than a few may mean that it waits for the disk. Who read last has the most in its cache.
            if (_idle.Count == _threads.Count || _queue.Count > QueuedPerWake)
            {
                _ = _idle.TryPop(out wake);
            }

            return true;
        }
    }

    private void Run(Database database)
    {
        // Not disposed of: who took it off the idle ones may set it after the end.
        var wake = new AutoResetEvent(false);
        using (database)
        {
            while (Next(wake) is { } work)
            {
                _metrics.Reads.Add(1);
                try
                {
                    work.Run(database);
                }
                catch (OperationCanceledException cancelled)
                {
                    work.Fail(cancelled);
                }
                catch (Exception thrown)
                {
                    StorageLog.ReadFailed(_log, thrown);
                    database.Rollback();
                    work.Fail(thrown);
                }
            }
        }
    }

    private ReadWork? Next(AutoResetEvent wake)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_queue.TryDequeue(out var work))
                {
                    return work;
                }

                if (_closed)
                {
                    return null;
                }

                // Whoever wakes it takes it off.
                _idle.Push(wake);
            }

            _ = wake.WaitOne();
        }
    }
}
