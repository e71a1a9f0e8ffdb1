namespace MailCluster.Actors.Kernel;

/// <summary>
/// Runs everything on the calling thread in virtual time. What runs next among all that could is drawn by a seeded
/// generator, so one seed gives one run, bit for bit, and many seeds give many interleavings. Time stands still until
/// <see cref="Advance"/>.
/// </summary>
public sealed class SeededScheduler : IActorScheduler
{
    private readonly List<IThreadPoolWorkItem> _ready = [];
    private readonly Context _context;
    private ulong _random;
    private ulong _trace = 14695981039346656037;
    private int _runningOn;

    public SeededScheduler(ulong seed)
    {
        _random = seed;
        _context = new Context(this);
        Time = new VirtualTime();
    }

    /// <summary>For the actor system and everything else in the run. Starts at 2026-01-01T00:00:00Z.</summary>
    public VirtualTime Time { get; }

    public bool IsDeterministic => true;

    /// <summary>Of all choices so far and the times they were made at: equal for equal runs.</summary>
    public ulong Trace => _trace;

    /// <summary>Work that a single run may do; default 10 million. More means that it does not end.</summary>
    public long StepsMax { get; init; } = 10_000_000;

    public void Execute(IThreadPoolWorkItem work)
    {
        if (_runningOn != 0 && _runningOn != Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException(
                "Work came from another thread, so the run would not repeat. Post completions on the scheduler.");
        }

        _ready.Add(work);
    }

    /// <summary>Runs the action among the actors' turns: how a simulated store completes what it was asked.</summary>
    public void Post(Action action) => Execute(new Posted(action));

    /// <summary>The same, after a time.</summary>
    public void PostAfter(TimeSpan due, Action action) => Time.At(due, () => Post(action));

    /// <summary>Until nothing can run without time going on.</summary>
    public void RunUntilIdle() => Loop(static () => false);

    /// <summary>Runs all that falls due on the way, each at its own time.</summary>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        var target = Time.Now + time;
        RunUntilIdle();
        while (Time.NextDue is { } due && due <= target)
        {
            FireAt(due);
            RunUntilIdle();
        }

        Time.Now = target;
    }

    /// <summary>
    /// Runs asynchronous code, its continuations drawn like everything else, and lets time go on as far as it needs.
    /// </summary>
    /// <exception cref="InvalidOperationException">It waits for something that can no longer happen.</exception>
    public void Run(Func<Task> body)
    {
        var task = Begin(body);
        while (!task.IsCompleted)
        {
            Loop(() => task.IsCompleted);
            if (!task.IsCompleted)
            {
                FireAt(Time.NextDue ?? throw new InvalidOperationException("Nothing can run and nothing falls due."));
            }
        }

        task.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Run(Func{Task})"/>
    public T Run<T>(Func<Task<T>> body)
    {
        Task<T>? task = null;
        Run(() => (Task)(task = body()));
        return task!.GetAwaiter().GetResult();
    }

    private Task Begin(Func<Task> body)
    {
        Task? task = null;
        InContext(() => task = body());
        return task!;
    }

    private void FireAt(TimeSpan due)
    {
        Time.Now = due;
        InContext(Time.FireNext);
    }

    private void Loop(Func<bool> isDone) => InContext(() =>
    {
        for (var steps = 0L; _ready.Count > 0 && !isDone(); steps++)
        {
            if (steps == StepsMax)
            {
                throw new InvalidOperationException($"Still busy after {StepsMax} steps.");
            }

            var choice = (int)(Next() % (ulong)_ready.Count);
            Note((ulong)choice);
            Note((ulong)_ready.Count);
            Note((ulong)Time.Now.Ticks);
            var work = _ready[choice];
            _ready[choice] = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            work.Execute();
        }
    });

    private void InContext(Action action)
    {
        if (_runningOn != 0)
        {
            throw new InvalidOperationException("The scheduler runs already.");
        }

        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_context);
        _runningOn = Environment.CurrentManagedThreadId;
        try
        {
            action();
        }
        finally
        {
            _runningOn = 0;
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>FNV-1a, a word at a time.</summary>
    private void Note(ulong value) => _trace = (_trace ^ value) * 1099511628211;

    /// <summary>SplitMix64: the same numbers in every process and version.</summary>
    private ulong Next()
    {
        var z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private sealed class Posted(Action action) : IThreadPoolWorkItem
    {
        public void Execute() => action();
    }

    /// <summary>Awaits within a run come back into the run.</summary>
    private sealed class Context(SeededScheduler scheduler) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => scheduler.Post(() => d(state));

        public override void Send(SendOrPostCallback d, object? state) => d(state);

        public override SynchronizationContext CreateCopy() => this;
    }
}
