namespace MailCluster.Actors.Kernel;

/// <summary>Time that stands still until its scheduler moves it. One unit of its timestamps is 100 ns.</summary>
public sealed class VirtualTime : TimeProvider
{
    private static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<(Timer Timer, long Version), (TimeSpan Due, long Sequence)> _timers = new();
    private long _sequence;

    internal VirtualTime()
    {
    }

    /// <summary>Since the beginning of the run.</summary>
    public TimeSpan Now { get; internal set; }

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    internal TimeSpan? NextDue
    {
        get
        {
            while (_timers.TryPeek(out var next, out var at))
            {
                if (next.Timer.Version == next.Version)
                {
                    return at.Due;
                }

                _timers.Dequeue();
            }

            return null;
        }
    }

    public override DateTimeOffset GetUtcNow() => Beginning + Now;

    public override long GetTimestamp() => Now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    internal void At(TimeSpan due, Action action) => new Timer(this, action).Change(due, Timeout.InfiniteTimeSpan);

    /// <summary>The earliest timer; of several at one time, the one that was set first.</summary>
    internal void FireNext()
    {
        if (NextDue is not null)
        {
            _timers.Dequeue().Timer.Fire();
        }
    }

    private sealed class Timer(VirtualTime time, Action callback) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;
        private bool _isDisposed;

        /// <summary>Counts the changes: what was queued under an older one is void.</summary>
        public long Version { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_isDisposed)
            {
                return false;
            }

            Version++;
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                time._timers.Enqueue((this, Version), (time.Now + dueTime, ++time._sequence));
            }

            return true;
        }

        public void Fire()
        {
            Version++;
            if (_period > TimeSpan.Zero)
            {
                Change(_period, _period);
            }

            callback();
        }

        public void Dispose()
        {
            Version++;
            _isDisposed = true;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
