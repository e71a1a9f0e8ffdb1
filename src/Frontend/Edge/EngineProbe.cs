using System.Net;
using System.Net.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// An octet that this process sends itself: it waits for the threads that serve the sockets, and then for the pool, as
/// what a client sends does. Without a loopback interface it waits for the pool alone.
/// </summary>
internal sealed class EngineProbe : IDisposable
{
    private readonly IThreadPoolWorkItem _arrived;
    private readonly Socket? _socket;
    private readonly SocketAsyncEventArgs _receive = new();

    /// <param name="arrived">Is run on the pool for every octet, once for several that came together.</param>
    public EngineProbe(IThreadPoolWorkItem arrived)
    {
        _arrived = arrived;
        _receive.SetBuffer(new byte[64]);
        _receive.Completed += (_, _) => OnReceived();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            socket.Connect(socket.LocalEndPoint!);
            _socket = socket;
            if (!socket.ReceiveAsync(_receive))
            {
                OnReceived();
            }
        }
        catch (SocketException)
        {
            socket.Dispose();
            _socket = null;
        }
    }

    public void Send()
    {
        try
        {
            if (_socket?.Send([1]) == 1)
            {
                return;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The pool alone, then.
        }

        ThreadPool.UnsafeQueueUserWorkItem(_arrived, preferLocal: false);
    }

    public void Dispose()
    {
        _socket?.Dispose();
        _receive.Dispose();
    }

    private void OnReceived()
    {
        try
        {
            do
            {
                if (_receive.SocketError == SocketError.OperationAborted)
                {
                    return;
                }

                if (_receive.BytesTransferred > 0)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(_arrived, preferLocal: false);
                }
            }
            while (!_socket!.ReceiveAsync(_receive));
        }
        catch (ObjectDisposedException)
        {
            // The node ends.
        }
    }
}
