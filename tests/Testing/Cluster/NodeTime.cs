using MailCluster.Actors.Kernel;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// The clock of one simulated process over the time of the run: it can be wrong by <see cref="WallSkew"/>, and while
/// the process stands (SIGSTOP) its timers do not fire although the monotonic clock goes on.
/// </summary>
public sealed class NodeTime(SeededScheduler scheduler) : TimeProvider
{
    private readonly List<Timer> _held = [];

    /// <summary>What its wall clock shows too much.</summary>
    public TimeSpan WallSkew { get; set; }

    public bool IsPaused { get; private set; }

    public bool IsCrashed { get; private set; }

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => scheduler.Time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => scheduler.Time.GetUtcNow() + WallSkew;

    public override long GetTimestamp() => scheduler.Time.GetTimestamp();

    public void Pause() => IsPaused = true;

    /// <summary>What fell due meanwhile fires now, once each.</summary>
    public void Resume()
    {
        IsPaused = false;
        var held = _held.ToArray();
        _held.Clear();
        foreach (var timer in held)
        {
            scheduler.Post(timer.Fire);
        }
    }

    /// <summary>Nothing of this process fires any more.</summary>
    public void Crash() => IsCrashed = true;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Start(scheduler.Time, dueTime, period);
        return timer;
    }

    private sealed class Timer(NodeTime time, TimerCallback callback, object? state) : ITimer
    {
        private ITimer? _inner;
        private bool _isDisposed;

        public void Start(TimeProvider inner, TimeSpan dueTime, TimeSpan period) =>
            _inner = inner.CreateTimer(static self => ((Timer)self!).Fire(), this, dueTime, period);

        public void Fire()
        {
            if (_isDisposed || time.IsCrashed)
            {
                return;
            }

            if (!time.IsPaused)
            {
                callback(state);
            }
            else if (!time._held.Contains(this))
            {
                time._held.Add(this);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            time._held.Remove(this);
            return !_isDisposed && _inner!.Change(dueTime, period);
        }

        public void Dispose()
        {
            _isDisposed = true;
            time._held.Remove(this);
            _inner?.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
