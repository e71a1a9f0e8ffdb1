using MailCluster.Shared;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// The clock of all connections: one timer turns the wheel on which each of them has its place. A connection notes the
/// time of its last input and nobody arms a timer for it; what its place costs is a look when a time-out could be due.
/// </summary>
internal sealed class IdleClock : IDisposable
{
    /// <summary>How late a time-out may come; it never comes early.</summary>
    public static readonly TimeSpan Resolution = TimeSpan.FromMilliseconds(250);

    private readonly TimerWheel _wheel = new(Resolution);
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly ITimer _timer;
    private int _turning;
    private long _milliseconds;
    private long _lastInput;

    public IdleClock(TimeProvider time)
    {
        _time = time;
        _origin = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((IdleClock)state!).Tick(), this, Resolution, Resolution);
    }

    /// <summary>Since the clock was made, at the resolution of the tick: a read of a number.</summary>
    public long Milliseconds => Volatile.Read(ref _milliseconds);

    /// <summary>Since the clock was made, to the millisecond: a read of the clock.</summary>
    public long ExactMilliseconds => (long)_time.GetElapsedTime(_origin).TotalMilliseconds;

    public TimeProvider Time => _time;

    /// <summary>Since the last input on any connection.</summary>
    public long QuietMilliseconds => Milliseconds - Volatile.Read(ref _lastInput);

    /// <summary>Connections on the clock.</summary>
    public int Count => _wheel.Count;

    /// <summary>There was input; written at most once a tick, so that cores do not fight for it.</summary>
    public void Touch()
    {
        var now = Milliseconds;
        if (Volatile.Read(ref _lastInput) != now)
        {
            Volatile.Write(ref _lastInput, now);
        }
    }

    public TimerWheel.Place Add(ITimed owner, long due)
    {
        Touch();
        return _wheel.Add(owner, due);
    }

    /// <summary>Tells every connection that the node drains.</summary>
    public void RequestDrain()
    {
        foreach (var connection in _wheel.Owners().OfType<ClientConnection>())
        {
            connection.RequestDrain();
        }
    }

    /// <summary>Ends what is left when the drain's time is over.</summary>
    public void ExpireAll(ConnectionEndReason why)
    {
        foreach (var connection in _wheel.Owners().OfType<ClientConnection>())
        {
            connection.Expire(why);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        // A tick that takes long is not joined by the next one: the wheel has one who turns it.
        if (Interlocked.Exchange(ref _turning, 1) != 0)
        {
            return;
        }

        var now = ExactMilliseconds;
        Volatile.Write(ref _milliseconds, now);
        _wheel.Turn(now);
        Volatile.Write(ref _turning, 0);
    }
}
