using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Authentication;

namespace MailCluster.LoadTest.Loops;

/// <summary>
/// One connection of a loop. It has buffers only while octets are in them, so that an idle one costs some 300 octets.
/// Failures are values: under overload most connections fail.
/// </summary>
internal sealed class Connection : WheelTimer, IPollable, IDisposable
{
    private readonly EventLoop _loop;
    private readonly Signal _read = new();
    private readonly Signal _write = new();
    private int _descriptor = -1;
    private bool _canRead;
    private bool _canWrite;
    private bool _isEnding;
    private long _deadline = long.MaxValue;
    private byte[]? _in;
    private int _inFrom;
    private int _inTo;
    private byte[]? _out;
    private int _outLength;
    private SslStream? _tls;

    public Connection(EventLoop loop) => _loop = loop;

    public ConnectionEnd End { get; private set; }

    public bool IsOpen => End == ConnectionEnd.None && _descriptor >= 0;

    public bool IsTls => _tls is not null;

    /// <summary>Nanoseconds that each wait may last before the connection counts as timed out.</summary>
    public long Patience { get; set; } = 60_000_000_000;

    /// <summary>Octets received and not taken yet.</summary>
    public ReadOnlySpan<byte> Received => _in is null ? default : _in.AsSpan(_inFrom, _inTo - _inFrom);

    /// <param name="source">Address to come from, or null: the system's choice.</param>
    public async ValueTask<bool> ConnectAsync(SocketAddress target, SocketAddress? source)
    {
        if (!Begin(target, source))
        {
            return false;
        }

        StartClock();
        while (!_canWrite && IsOpen)
        {
            await _write;
        }

        return IsOpen && !IsFailed();
    }

    /// <summary>Takes over a descriptor that was accepted.</summary>
    public void Adopt(int descriptor)
    {
        _descriptor = descriptor;
        SetOption(Libc.SolTcp, Libc.TcpNoDelay, 1);
        _canRead = true;
        _canWrite = true;
        Watch();
    }

    /// <summary>Certificates are not checked: load is sent to servers that have none to show.</summary>
    public async ValueTask<bool> StartTlsAsync(SslClientAuthenticationOptions options)
    {
        var stream = new ConnectionStream(this);
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        try
        {
            await tls.AuthenticateAsClientAsync(options);
        }
        catch (Exception exception) when (exception is IOException or AuthenticationException)
        {
            await tls.DisposeAsync();
            return Fail(stream.BeganWithAlert ? ConnectionEnd.TlsAlert : ConnectionEnd.TlsFailed);
        }

        _tls = tls;
        return IsOpen;
    }

    /// <summary>Adds to what the next flush sends.</summary>
    public void Write(ReadOnlySpan<byte> octets)
    {
        var buffer = Room(octets.Length);
        octets.CopyTo(buffer);
        _outLength += octets.Length;
    }

    /// <summary>Room in what the next flush sends; <see cref="Advance"/> says how much of it was used.</summary>
    public Span<byte> Room(int length)
    {
        _out ??= _loop.RentBuffer();
        if (_out.Length - _outLength < length)
        {
            var larger = new byte[Math.Max(_out.Length * 2, _outLength + length)];
            _out.AsSpan(0, _outLength).CopyTo(larger);
            _loop.ReturnBuffer(_out);
            _out = larger;
        }

        return _out.AsSpan(_outLength);
    }

    public void Advance(int count) => _outLength += count;

    public int Pending => _outLength;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FlushAsync()
    {
        if (_out is not { } buffer)
        {
            return IsOpen;
        }

        var length = _outLength;
        _out = null;
        _outLength = 0;
        var sent = _tls is null
            ? await SendAsync(buffer.AsMemory(0, length))
            : await SendTlsAsync(buffer.AsMemory(0, length));
        _loop.ReturnBuffer(buffer);
        return sent;
    }

    /// <summary>Waits until more was received; false: nothing will be.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FillAsync()
    {
        if (_in is not null && _inTo == _in.Length)
        {
            MakeRoom();
        }

        if (_tls is not null)
        {
            return await FillTlsAsync();
        }

        while (IsOpen)
        {
            if (_canRead)
            {
                _in ??= _loop.RentBuffer();
                var count = Receive(_in.AsSpan(_inTo));
                if (count > 0)
                {
                    _inTo += count;
                    return true;
                }

                Release();
            }

            if (IsOpen && !_canRead)
            {
                StartClock();
                await _read;
            }
        }

        return false;
    }

    /// <summary>Octets of <see cref="Received"/> that are done with; spans of it end here.</summary>
    public void Take(int count)
    {
        _inFrom += count;
        Release();
    }

    public void Dispose() => Fail(ConnectionEnd.ClosedHere);

    /// <summary>Ends it with a reset, as a client that was switched off.</summary>
    public void Abort()
    {
        if (_descriptor >= 0)
        {
            Libc.ResetAtClose(_descriptor);
        }

        Fail(ConnectionEnd.ClosedHere);
    }

    public override void Fire()
    {
        if (_deadline == long.MaxValue || !IsOpen)
        {
            return;
        }

        if (_deadline > _loop.Now)
        {
            _loop.Wheel.Set(this, _deadline); // it was put off meanwhile, which costs nothing until now
            return;
        }

        if (_read.IsAwaited || _write.IsAwaited)
        {
            Fail(ConnectionEnd.TimedOut);
        }
    }

    public void OnEvents(uint events)
    {
        if ((events & (Libc.EventIn | Libc.EventError | Libc.EventHangUp | Libc.EventPeerClosed)) != 0)
        {
            _canRead = true;
            _isEnding |= (events & ~(Libc.EventIn | Libc.EventOut)) != 0;
        }

        if ((events & (Libc.EventOut | Libc.EventError | Libc.EventHangUp)) != 0)
        {
            _canWrite = true;
            _write.Give();
        }

        if (_canRead)
        {
            _read.Give();
        }
    }

    /// <summary>For TLS: octets as they are on the wire; 0: the end.</summary>
    internal async ValueTask<int> ReceiveRawAsync(Memory<byte> buffer)
    {
        while (IsOpen)
        {
            if (_canRead)
            {
                if (buffer.IsEmpty)
                {
                    return 0; // somebody waits before having a buffer
                }

                var count = Receive(buffer.Span);
                if (count > 0)
                {
                    return count;
                }
            }

            if (IsOpen && !_canRead)
            {
                StartClock();
                await _read;
            }
        }

        return 0;
    }

    internal async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> octets)
    {
        while (IsOpen)
        {
            if (_canWrite)
            {
                var count = Libc.Send(
                    _descriptor, ref MemoryMarshal.GetReference(octets.Span), octets.Length, Libc.NoSignal);
                if (count == octets.Length)
                {
                    return true;
                }

                if (count < 0)
                {
                    if (Marshal.GetLastPInvokeError() != Libc.WouldBlock)
                    {
                        return Fail(ConnectionEnd.Reset);
                    }

                    count = 0;
                }

                octets = octets[(int)count..];
                _canWrite = false;
            }

            StartClock();
            await _write;
        }

        return false;
    }

    private async ValueTask<bool> SendTlsAsync(ReadOnlyMemory<byte> octets)
    {
        try
        {
            await _tls!.WriteAsync(octets);
            return IsOpen;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return Fail(ConnectionEnd.Reset);
        }
    }

    private async ValueTask<bool> FillTlsAsync()
    {
        var tls = _tls!; // the field is gone as soon as the connection fails, also while this waits
        try
        {
            if (_in is null)
            {
                _inTo += await tls.ReadAsync(Memory<byte>.Empty); // 0: waits without a buffer
                if (!IsOpen)
                {
                    return false;
                }

                _in ??= _loop.RentBuffer();
            }

            var count = await tls.ReadAsync(_in.AsMemory(_inTo));
            if (!IsOpen)
            {
                return false;
            }

            _inTo += count;
            if (count > 0)
            {
                return true;
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return Fail(ConnectionEnd.Reset);
        }

        Release();
        return Fail(ConnectionEnd.ClosedByPeer);
    }

    private bool Begin(SocketAddress target, SocketAddress? source)
    {
        _descriptor = Libc.Socket(
            target.Family == System.Net.Sockets.AddressFamily.InterNetworkV6 ? 10 : 2, Libc.StreamNonBlocking, 0);
        if (_descriptor < 0)
        {
            return Fail(ConnectionEnd.NoDescriptor);
        }

        SetOption(Libc.SolTcp, Libc.TcpNoDelay, 1);
        if (source is not null)
        {
            // The port is chosen at connect, when the whole tuple is known: one address has its ports per target.
            SetOption(Libc.SolIp, Libc.IpBindAddressNoPort, 1);
            if (Libc.Bind(_descriptor, ref source.Buffer.Span[0], source.Size) < 0)
            {
                return Fail(ConnectionEnd.NoPort);
            }
        }

        if (Libc.Connect(_descriptor, ref target.Buffer.Span[0], target.Size) < 0
            && Marshal.GetLastPInvokeError() != Libc.InProgress)
        {
            return Fail(SystemError.End(Marshal.GetLastPInvokeError()));
        }

        Watch();
        return true;
    }

    private bool IsFailed()
    {
        var error = 0;
        var length = sizeof(int);
        _ = Libc.GetOption(_descriptor, Libc.SolSocket, Libc.SoError, ref error, ref length);
        if (error != 0)
        {
            Fail(SystemError.End(error));
        }

        return error != 0;
    }

    private void Watch() => _loop.Add(
        _descriptor, this, Libc.EventIn | Libc.EventOut | Libc.EventPeerClosed | Libc.EdgeTriggered);

    /// <summary>Octets received; 0: none now, or the end.</summary>
    private int Receive(Span<byte> buffer)
    {
        var count = (int)Libc.Receive(_descriptor, ref MemoryMarshal.GetReference(buffer), buffer.Length, 0);
        if (count < 0)
        {
            if (Marshal.GetLastPInvokeError() == Libc.WouldBlock)
            {
                _canRead = false;
            }
            else
            {
                Fail(ConnectionEnd.Reset);
            }

            return 0;
        }

        if (count == 0)
        {
            Fail(ConnectionEnd.ClosedByPeer);
        }
        else if (count < buffer.Length)
        {
            _canRead = _isEnding; // drained: what comes now is a new edge, except for an end that was told already
        }

        return count;
    }

    private void MakeRoom()
    {
        var octets = Received;
        var buffer = octets.Length < _in!.Length / 2 ? _in : new byte[_in.Length * 2];
        octets.CopyTo(buffer);
        if (buffer != _in)
        {
            _loop.ReturnBuffer(_in);
        }

        _inTo = octets.Length;
        _inFrom = 0;
        _in = buffer;
    }

    private void Release()
    {
        if (_in is not null && _inFrom == _inTo)
        {
            _loop.ReturnBuffer(_in);
            _in = null;
            _inFrom = 0;
            _inTo = 0;
        }
    }

    private void StartClock()
    {
        _deadline = _loop.Now + Patience;
        if (!IsSet)
        {
            _loop.Wheel.Set(this, _deadline);
        }
    }

    private void SetOption(int level, int name, int value) =>
        _ = Libc.SetOption(_descriptor, level, name, ref value, sizeof(int));

    /// <summary>Always false, so that a caller can return it.</summary>
    private bool Fail(ConnectionEnd end)
    {
        if (End != ConnectionEnd.None)
        {
            return false;
        }

        End = end;
        _loop.Wheel.Clear(this);
        if (_descriptor >= 0)
        {
            _loop.Close(_descriptor);
            _descriptor = -1;
        }

        if (_in is not null && end == ConnectionEnd.ClosedHere)
        {
            if (_tls is null)
            {
                _loop.ReturnBuffer(_in); // a read under TLS may still write into it
            }

            _in = null;
            _inFrom = 0;
            _inTo = 0;
        }

        _write.Give();
        _read.Give();
        if (_tls is { } tls)
        {
            _tls = null;
            tls.Dispose();
        }

        return false;
    }
}
