using System.Collections.Concurrent;
using MailCluster.Shared;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// One coarse clock for all connections: a connection notes the time of its last input by reading a number, and nobody
/// arms a timer per connection. Every tick looks at each connection once.
/// </summary>
internal sealed class IdleClock : IDisposable
{
    /// <summary>How late a time-out may come.</summary>
    public static readonly TimeSpan Resolution = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<ClientConnection, byte> _connections =
        new(ReferenceEqualityComparer.Instance!);
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly ITimer _timer;
    private long _milliseconds;
    private long _lastInput;

    public IdleClock(TimeProvider time)
    {
        _time = time;
        _origin = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((IdleClock)state!).Tick(), this, Resolution, Resolution);
    }

    /// <summary>Since the clock was made, at the resolution of the tick.</summary>
    public long Milliseconds => Volatile.Read(ref _milliseconds);

    public TimeProvider Time => _time;

    /// <summary>Since the last input on any connection.</summary>
    public long QuietMilliseconds => Milliseconds - Volatile.Read(ref _lastInput);

    public int Count => _connections.Count;

    /// <summary>There was input; written at most once a tick, so that cores do not fight for it.</summary>
    public void Touch()
    {
        var now = Milliseconds;
        if (Volatile.Read(ref _lastInput) != now)
        {
            Volatile.Write(ref _lastInput, now);
        }
    }

    public void Add(ClientConnection connection)
    {
        _connections.TryAdd(connection, 0);
        Touch();
    }

    public void Remove(ClientConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>Tells every connection that the node drains.</summary>
    public void RequestDrain()
    {
        foreach (var (connection, _) in _connections)
        {
            connection.RequestDrain();
        }
    }

    /// <summary>Ends what is left when the drain's time is over.</summary>
    public void ExpireAll(ConnectionEndReason why)
    {
        foreach (var (connection, _) in _connections)
        {
            connection.Expire(why, Milliseconds);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        var now = (long)_time.GetElapsedTime(_origin).TotalMilliseconds;
        Volatile.Write(ref _milliseconds, now);
        foreach (var (connection, _) in _connections)
        {
            connection.Tick(now);
        }
    }
}
