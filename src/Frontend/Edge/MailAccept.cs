using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using MailCluster.Frontend.Options;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// Accepts the connections of a binding. It measures how long they waited for that, and when <see cref="OverloadGate"/>
/// says so it answers one with a constant and closes it, before a pipe, a session, a line of the log or a
/// handshake was spent on it. It has a thread of its own: who is turned away does not wait behind those who are served.
/// </summary>
internal sealed class MailAccept : IConnectionListener
{
    /// <summary>Accepted ones that wait for their turn; behind them the kernel's backlog holds the others.</summary>
    private const int AcceptedMax = 512;

    /// <summary>The wait is measured as often as that at most.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>Without a descriptor for the next connection; those that end give theirs back.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Those who are turned away are taken several at a time: to wake up for each costs as much as to say no.
    /// </summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan ComplaintInterval = TimeSpan.FromMinutes(1);

    private readonly Channel<Socket> _accepted = Channel.CreateBounded<Socket>(
        new BoundedChannelOptions(AcceptedMax) { SingleReader = true });

    private readonly Socket _socket;
    private readonly BindingEdge _binding;
    private readonly SocketConnectionContextFactory _connections;
    private readonly OverloadGate _gate;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly LingeringSockets _lingering;
    private readonly SemaphoreSlim _room = new(AcceptedMax, AcceptedMax);
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly ReadOnlyMemory<byte> _refusal;
    private readonly bool _speaksFirst;
    private long _looked;
    private long _gathered;
    private long _complained;

    /// <param name="socket">Listens.</param>
    public MailAccept(
        Socket socket, BindingEdge binding, SocketConnectionContextFactory connections, OverloadGate gate,
        TimeProvider time, ILogger log)
    {
        _socket = socket;
        _binding = binding;
        _connections = connections;
        _gate = gate;
        _time = time;
        _log = log;
        _lingering = new LingeringSockets(time);
        _refusal = ConnectionRefusals.OnTheWire(binding);
        _speaksFirst = binding.Tls == BindingTls.Implicit || !binding.ProxyProtocolFrom.IsEmpty;
        EndPoint = socket.LocalEndPoint!;
        _thread = new Thread(Run) { Name = $"accept-{binding.Name}", IsBackground = true };
        _thread.Start();
    }

    public EndPoint EndPoint { get; }

    public bool IsForStrangers => _binding.IsForStrangers;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (_accepted.Reader.TryRead(out var client))
            {
                _room.Release();
                if (TryServe(client) is { } connection)
                {
                    return connection;
                }
            }
        }

        return null;
    }

    /// <summary>Hands a connection to the server; room for it was taken when it was accepted.</summary>
    public void LetIn(Socket client)
    {
        if (!_accepted.Writer.TryWrite(client))
        {
            client.Dispose();
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        Stop();
        return default;
    }

    public ValueTask DisposeAsync()
    {
        Stop();
        _thread.Join();
        while (_accepted.Reader.TryRead(out var client))
        {
            client.Dispose();
        }

        _lingering.Dispose();
        _connections.Dispose();
        _room.Dispose();
        _stop.Dispose();
        return default;
    }

    private void Stop()
    {
        _stop.Cancel();
        _socket.Dispose();
    }

    private void Run()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Take(_socket.Accept());
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                // Whatever a socket says that is closed while it is used: nobody is accepted any more.
                break;
            }
            catch (Exception e) when (
                e is not SocketException
                    { SocketErrorCode: not (SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable) })
            {
                // Without a descriptor or memory; or a defect, which on a thread of its own would end the node.
                if (_complained == 0 || _time.GetElapsedTime(_complained) >= ComplaintInterval)
                {
                    _complained = _time.GetTimestamp();
                    EdgeLog.AcceptFailed(_log, _binding.Name, e.Message);
                }

                _stop.Token.WaitHandle.WaitOne(Rest);
            }
            catch (SocketException)
            {
                // Reset by the client while it waited.
            }
        }

        _gate.Leave(this);
        _accepted.Writer.Complete();
    }

    private void Take(Socket client)
    {
        if (_looked == 0 || _time.GetElapsedTime(_looked) >= LookInterval)
        {
            _looked = _time.GetTimestamp();
            _gate.NoteAccept(WaitOf(client));
        }

        if (_gate.Judge(_binding.IsForStrangers) is not ShedReason.None and var why)
        {
            TurnAway(client);
            _gate.Shed(_binding, why);
            Gather();
            return;
        }

        try
        {
            _room.Wait(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            client.Dispose();
            throw;
        }

        _gate.Enter(this, client);
    }

    private void Gather()
    {
        if (_time.GetElapsedTime(_gathered) >= Gathering)
        {
            _stop.Token.WaitHandle.WaitOne(Gathering);
            _gathered = _time.GetTimestamp();
        }
    }

    /// <summary>
    /// Since its last octet or acknowledgement came, which for a client that waits is since it connected (tcp_info of
    /// Linux, in milliseconds); zero where that is not known.
    /// </summary>
    private static TimeSpan WaitOf(Socket client)
    {
        const int protocol = 6; // IPPROTO_TCP
        const int tcpInfo = 11; // TCP_INFO
        const int lastReceived = 56; // tcpi_last_ack_recv
        Span<byte> info = stackalloc byte[lastReceived + sizeof(uint)];
        if (!OperatingSystem.IsLinux())
        {
            return TimeSpan.Zero;
        }

        try
        {
            return client.GetRawSocketOption(protocol, tcpInfo, info) == info.Length
                ? TimeSpan.FromMilliseconds(BinaryPrimitives.ReadUInt32LittleEndian(info[lastReceived..]))
                : TimeSpan.Zero;
        }
        catch (SocketException)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary>Null: the client has gone meanwhile.</summary>
    private ConnectionContext? TryServe(Socket client)
    {
        try
        {
            client.NoDelay = true;
            return _connections.Create(client);
        }
        catch (SocketException)
        {
            client.Dispose();
            return null;
        }
    }

    private void TurnAway(Socket client)
    {
        try
        {
            // A new connection has room for a line: this waits for nobody.
            client.Send(_refusal.Span);
            if (_speaksFirst)
            {
                _lingering.Add(client);
                return;
            }
        }
        catch (SocketException)
        {
            // Gone already.
        }

        client.Dispose();
    }
}
