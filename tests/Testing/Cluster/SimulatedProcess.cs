using MailCluster.Actors.Kernel;

namespace MailCluster.Testing.Cluster;

/// <summary>The connection is gone with the process behind it.</summary>
public sealed class ProcessEndedException() : Exception("The process has ended.");

/// <summary>
/// One process of a simulated world: turns, timers and continuations of what runs in it go through it, so that it can
/// be killed (none of them runs any more) and stopped as by SIGSTOP (they wait, while its monotonic clock and all that
/// is outside of it go on).
/// </summary>
public sealed class SimulatedProcess : IActorScheduler
{
    private readonly SeededScheduler _world;
    private readonly Context _context;
    private readonly List<Action> _standing = [];
    private readonly Queue<Action> _inbound = new();
    private readonly List<IOpenCall> _calls = [];
    private SynchronizationContext? _outside;

    public SimulatedProcess(SeededScheduler world)
    {
        _world = world;
        _context = new Context(this);
        Time = new Clock(this);
    }

    /// <summary>The wall clock may be wrong; the monotonic one is not.</summary>
    public TimeProvider Time { get; }

    /// <summary>How far its wall clock is ahead of the world's; less than zero: behind.</summary>
    public TimeSpan ClockSkew { get; set; }

    public bool IsDead { get; private set; }

    public bool IsPaused { get; private set; }

    public bool IsDeterministic => true;

    public void Execute(IThreadPoolWorkItem work) => Post(work.Execute);

    /// <summary>Among its turns. Of a dead process: never.</summary>
    public void Post(Action action)
    {
        if (!IsDead)
        {
            _world.Post(() => Step(action));
        }
    }

    /// <summary>What comes in from a socket: at once and in order; while it stands it waits in the buffer.</summary>
    public void Deliver(Action action)
    {
        if (IsDead)
        {
            return;
        }

        if (IsPaused || _inbound.Count > 0)
        {
            _inbound.Enqueue(action);
        }
        else
        {
            Enter(action);
        }
    }

    /// <summary>
    /// A client's request to it. Fails with <see cref="ProcessEndedException"/> when it is or gets killed before it has
    /// answered.
    /// </summary>
    public Task<T> CallAsync<T>(Func<Task<T>> body)
    {
        var call = new OpenCall<T>(body);
        if (IsDead)
        {
            call.Break();
            return call.Answer;
        }

        _calls.Add(call);
        Post(() => _ = AnswerAsync(call));
        return call.Answer;
    }

    /// <summary>
    /// What it asks of the world, such as a statement to a database: goes on outside while the process stands or dies;
    /// the answer comes back into it.
    /// </summary>
    public T Outside<T>(Func<T> call)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(before is Context ? _outside : before);
        try
        {
            return call();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>Runs now, as code of this process: how it is started and looked into. Not from within it.</summary>
    public void Enter(Action action)
    {
        var before = SynchronizationContext.Current;
        _outside = before is Context other ? other.Process._outside : before;
        SynchronizationContext.SetSynchronizationContext(_context);
        try
        {
            action();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>As <c>kill -9</c>.</summary>
    public void Kill()
    {
        IsDead = true;
        _standing.Clear();
        _inbound.Clear();
        IOpenCall[] calls = [.. _calls];
        _calls.Clear();
        foreach (var call in calls)
        {
            _world.Post(call.Break);
        }
    }

    /// <summary>As SIGSTOP.</summary>
    public void Pause() => IsPaused = !IsDead;

    /// <summary>As SIGCONT: what was to be done meanwhile is done now in any order, what came in in its own.</summary>
    public void Resume()
    {
        if (!IsPaused)
        {
            return;
        }

        IsPaused = false;
        foreach (var action in _standing)
        {
            Post(action);
        }

        _standing.Clear();
        if (_inbound.Count > 0)
        {
            Post(DrainInbound);
        }
    }

    private void DrainInbound()
    {
        while (_inbound.TryPeek(out var action))
        {
            action();
            _inbound.TryDequeue(out _);
        }
    }

    private void Step(Action action)
    {
        if (IsPaused)
        {
            _standing.Add(action);
        }
        else if (!IsDead)
        {
            Enter(action);
        }
    }

    private async Task AnswerAsync<T>(OpenCall<T> call)
    {
        try
        {
            call.Succeed(await call.Body());
        }
        catch (Exception failure)
        {
            // Whatever it is, the client sees it.
            call.Fail(failure);
        }
        finally
        {
            _calls.Remove(call);
        }
    }

    private interface IOpenCall
    {
        void Break();
    }

    private sealed class OpenCall<T>(Func<Task<T>> body) : IOpenCall
    {
        private readonly TaskCompletionSource<T> _answer = new();

        public Func<Task<T>> Body => body;

        public Task<T> Answer => _answer.Task;

        public void Succeed(T value) => _answer.TrySetResult(value);

        public void Fail(Exception failure) => _answer.TrySetException(failure);

        public void Break() => _answer.TrySetException(new ProcessEndedException());
    }

    /// <summary>Awaits within the process come back into it.</summary>
    private sealed class Context(SimulatedProcess process) : SynchronizationContext
    {
        public SimulatedProcess Process => process;

        public override void Post(SendOrPostCallback d, object? state) => process.Post(() => d(state));

        public override void Send(SendOrPostCallback d, object? state) => d(state);

        public override SynchronizationContext CreateCopy() => this;
    }

    private sealed class Clock(SimulatedProcess process) : TimeProvider
    {
        private readonly VirtualTime _time = process._world.Time;

        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override long TimestampFrequency => _time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => _time.GetUtcNow() + process.ClockSkew;

        public override long GetTimestamp() => _time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new Timer(process, () => callback(state), dueTime, period);
    }

    /// <summary>One that falls due while the process stands fires once when it goes on.</summary>
    private sealed class Timer : ITimer
    {
        private readonly SimulatedProcess _process;
        private readonly Action _callback;
        private readonly ITimer _timer;
        private long _version;
        private bool _isHeld;

        public Timer(SimulatedProcess process, Action callback, TimeSpan dueTime, TimeSpan period)
        {
            _process = process;
            _callback = callback;
            _timer = process._world.Time.CreateTimer(static self => ((Timer)self!).Fire(), this, dueTime, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _version++;
            _isHeld = false;
            return _timer.Change(dueTime, period);
        }

        public void Dispose()
        {
            _version++;
            _timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire()
        {
            if (_process.IsDead)
            {
                Dispose();
            }
            else if (!_process.IsPaused)
            {
                _process.Enter(_callback);
            }
            else if (!_isHeld)
            {
                _isHeld = true;
                var version = _version;
                _process._standing.Add(() =>
                {
                    if (version == _version)
                    {
                        _isHeld = false;
                        _callback();
                    }
                });
            }
        }
    }
}
