using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace MailCluster.Testing;

/// <summary>What a <see cref="LossyProxy"/> does when a client sends the mark.</summary>
public enum ProxyLoss
{
    /// <summary>The server gets what was sent; of its answer nothing arrives, the connection breaks.</summary>
    Answer,

    /// <summary>The server does not get the end of it; the connection breaks.</summary>
    Request,
}

/// <summary>
/// Stands between a client and a server on this machine and breaks, once, the one connection on which a mark is sent.
/// </summary>
public sealed class LossyProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly int _serverPort;
    private byte[]? _mark;
    private ProxyLoss _loss;
    private Action? _then;

    public LossyProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>How often it has broken a connection.</summary>
    public int Losses { get; private set; }

    /// <summary>For the next connection that sends these octets, in one piece.</summary>
    /// <param name="then">Called in the place of the answer.</param>
    public void Lose(byte[] mark, ProxyLoss loss, Action? then = null)
    {
        _loss = loss;
        _then = then;
        Volatile.Write(ref _mark, mark);
    }

    public void Dispose()
    {
        _listener.Dispose();
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync();
                _sockets.Add(client);
                _ = ServeAsync(client);
            }
        }
        catch (Exception thrown) when (thrown is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        _sockets.Add(server);
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _serverPort);
            var isLost = new StrongBox();
            await Task.WhenAny(ForwardAsync(client, server, isLost), ReturnAsync(server, client, isLost));
        }
        catch (Exception thrown) when (thrown is SocketException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
        finally
        {
            client.Dispose();
        }
    }

    private async Task ForwardAsync(Socket client, Socket server, StrongBox isLost)
    {
        var buffer = new byte[64 * 1024];
        while (await client.ReceiveAsync(buffer) is > 0 and var count)
        {
            if (Volatile.Read(ref _mark) is { } mark && buffer.AsSpan(0, count).IndexOf(mark) >= 0
                && Interlocked.CompareExchange(ref _mark, null, mark) is not null)
            {
                Losses++;
                if (_loss == ProxyLoss.Request)
                {
                    await server.SendAsync(buffer.AsMemory(0, count / 2));
                    return;
                }

                isLost.Value = true;
            }

            await server.SendAsync(buffer.AsMemory(0, count));
        }
    }

    private async Task ReturnAsync(Socket server, Socket client, StrongBox isLost)
    {
        var buffer = new byte[64 * 1024];
        while (await server.ReceiveAsync(buffer) is > 0 and var count)
        {
            if (isLost.Value)
            {
                _then?.Invoke();
                return;
            }

            await client.SendAsync(buffer.AsMemory(0, count));
        }
    }

    private sealed class StrongBox
    {
        private bool _value;

        public bool Value
        {
            get => Volatile.Read(ref _value);
            set => Volatile.Write(ref _value, value);
        }
    }
}
