using System.Net.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// Connections that have had their last octet and may still bring some: a close with octets unread, or before they
/// come, is a reset, which can overtake what was said (RFC 9293 §3.6.1). They are closed after a second, and at the
/// bound the oldest at once.
/// </summary>
internal sealed class LingeringSockets : IDisposable
{
    private const int Max = 256;

    private static readonly TimeSpan Time = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<(Socket Socket, long Since)> _sockets = [];
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private bool _isOver;

    public LingeringSockets(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(
            static state => ((LingeringSockets)state!).Close(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>Says that no more will come, and closes it in a while.</summary>
    public void Add(Socket socket)
    {
        socket.Shutdown(SocketShutdown.Send);
        lock (_gate)
        {
            if (_isOver)
            {
                socket.Dispose();
                return;
            }

            if (_sockets.Count == Max)
            {
                _sockets.Dequeue().Socket.Dispose();
            }

            _sockets.Enqueue((socket, _time.GetTimestamp()));
            if (_sockets.Count == 1)
            {
                _timer.Change(Time, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            while (_sockets.TryDequeue(out var one))
            {
                one.Socket.Dispose();
            }
        }

        _timer.Dispose();
    }

    private void Close()
    {
        lock (_gate)
        {
            while (_sockets.TryPeek(out var oldest) && _time.GetElapsedTime(oldest.Since) >= Time)
            {
                _sockets.Dequeue().Socket.Dispose();
            }

            if (!_isOver && _sockets.TryPeek(out var next))
            {
                // Not less than a tick of the timer: it would fire at once and find nothing.
                var left = Time - _time.GetElapsedTime(next.Since) + TimeSpan.FromMilliseconds(1);
                _timer.Change(left, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
