using System.Threading.Tasks.Sources;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// What waits to be written to one peer: frames, serialised already, in blocks. Any thread appends; one loop takes.
/// </summary>
internal sealed class FrameQueue(int octetsMax, int framesMax) : IValueTaskSource<bool>
{
    private readonly Lock _gate = new();
    private readonly FrameLane _asks = new(octetsMax, framesMax);
    private readonly FrameLane _bulk = new(octetsMax, framesMax);
    private ManualResetValueTaskSourceCore<bool> _wake = new() { RunContinuationsAsynchronously = true };
    private bool _isWaiting;
    private bool _isClosed;
    private bool _isDiscarded;

    /// <summary>False: the lane is at its bound, or the queue is closed.</summary>
    /// <param name="octets">What the message says its size is.</param>
    public bool TryAppend(IMessage message, int octets, LinkLane lane)
    {
        bool wakes;
        lock (_gate)
        {
            var frames = lane == LinkLane.Asks ? _asks : _bulk;
            if (_isClosed || !frames.HasRoomFor(octets))
            {
                return false;
            }

            frames.Append(lane == LinkLane.Asks ? LinkFrameKind.Ask : LinkFrameKind.Bulk, message, octets);
            wakes = _isWaiting;
            _isWaiting = false;
        }

        if (wakes)
        {
            _wake.SetResult(true);
        }

        return true;
    }

    /// <summary>Unless something waits: that says the same.</summary>
    public void AppendPing()
    {
        bool wakes;
        lock (_gate)
        {
            if (_isClosed || !_asks.IsEmpty || !_bulk.IsEmpty)
            {
                return;
            }

            _asks.Append(LinkFrameKind.Ping, null, 0);
            wakes = _isWaiting;
            _isWaiting = false;
        }

        if (wakes)
        {
            _wake.SetResult(true);
        }
    }

    /// <summary>Nothing is appended any more; what waits is taken yet, and then the last word.</summary>
    public void Close(Goodbye goodbye) => End(goodbye);

    /// <summary>Nothing is appended or taken any more.</summary>
    public void Discard()
    {
        lock (_gate)
        {
            _isDiscarded = true;
        }

        End(null);
    }

    /// <summary>Completes with true when there is something to take, with false when there never will be.</summary>
    public ValueTask<bool> WaitAsync()
    {
        lock (_gate)
        {
            if (_isDiscarded)
            {
                return new(false);
            }

            if (!_asks.IsEmpty || !_bulk.IsEmpty)
            {
                return new(true);
            }

            if (_isClosed)
            {
                return new(false);
            }

            _isWaiting = true;
            _wake.Reset();
            return new(this, _wake.Version);
        }
    }

    /// <summary>The next block: of asks as long as there are any.</summary>
    /// <returns>Null: nothing waits. Otherwise for <see cref="FrameLane.GiveBack"/>.</returns>
    public FrameBlock? Take(out LinkLane lane)
    {
        lock (_gate)
        {
            lane = _asks.IsEmpty ? LinkLane.Bulk : LinkLane.Asks;
            return _isDiscarded ? null : (lane == LinkLane.Asks ? _asks : _bulk).Take();
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _wake.GetResult(token) && !_isDiscarded;

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _wake.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wake.OnCompleted(continuation, state, token, flags);

    private void End(Goodbye? last)
    {
        bool wakes;
        lock (_gate)
        {
            if (!_isClosed && last is not null)
            {
                _asks.Append(LinkFrameKind.Goodbye, last, last.CalculateSize());
            }

            _isClosed = true;
            wakes = _isWaiting;
            _isWaiting = false;
        }

        if (wakes)
        {
            _wake.SetResult(true);
        }
    }
}
