namespace MailCluster.Actors.Accounts;

/// <summary>
/// What takes milliseconds of a core, or may block, runs on threads of its own, few and behind a bounded queue: a storm
/// of logins delays logins, not the sessions on the thread pool. The threads start with the first work.
/// </summary>
public sealed class WorkLane : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<IWork> _waiting = new();
    private readonly SemaphoreSlim _count = new(0);
    private readonly string _name;
    private readonly int _threads;
    private readonly int _queueMax;
    private bool _started;
    private bool _disposed;

    /// <param name="name">Of the threads.</param>
    /// <param name="threads">Works at one time; at least 1.</param>
    /// <param name="queueMax">Works that wait; at least 1.</param>
    public WorkLane(string name, int threads, int queueMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(queueMax, 1);
        _name = name;
        _threads = threads;
        _queueMax = queueMax;
    }

    private interface IWork
    {
        void Run();

        void Cancel();
    }

    /// <summary>Null when the queue is full or the lane has ended.</summary>
    public Task<T>? TryRun<T>(Func<T> run)
    {
        var work = new Work<T>(run);
        lock (_gate)
        {
            if (_disposed || _waiting.Count >= _queueMax)
            {
                return null;
            }

            if (!_started)
            {
                _started = true;
                Start();
            }

            _waiting.Enqueue(work);
        }

        _count.Release();
        return work.Outcome;
    }

    /// <summary>Those who wait are cancelled; the threads end by themselves.</summary>
    public void Dispose()
    {
        IWork[] left;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            left = [.. _waiting];
            _waiting.Clear();
        }

        foreach (var work in left)
        {
            work.Cancel();
        }

        _count.Release(_threads);
    }

    private void Start()
    {
        for (var i = 0; i < _threads; i++)
        {
            new Thread(Serve) { IsBackground = true, Name = $"{_name} {i}" }.Start();
        }
    }

    private void Serve()
    {
        while (true)
        {
            _count.Wait();
            IWork? work;
            lock (_gate)
            {
                if (_disposed)
                {
                    return;
                }

                _waiting.TryDequeue(out work);
            }

            work?.Run();
        }
    }

    private sealed class Work<T>(Func<T> run) : IWork
    {
        private readonly TaskCompletionSource<T> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Outcome => _outcome.Task;

        public void Run()
        {
            try
            {
                _outcome.TrySetResult(run());
            }
            catch (Exception failure)
            {
                // A bug of ours or a broken row: the asker's to report, and no reason to lose the thread.
                _outcome.TrySetException(failure);
            }
        }

        public void Cancel() => _outcome.TrySetCanceled();
    }
}
