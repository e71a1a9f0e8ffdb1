using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Shared;
using MailCluster.Shared.Sasl;
using Microsoft.AspNetCore.Connections;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// One client: its pipes (plain, later TLS), who it is, and its clocks, which share one place on the timer wheel. Owned
/// by one loop; the only calls that may come from elsewhere are <see cref="Due"/>, <see cref="Expire"/> and <see
/// cref="RequestDrain"/>, which wake the loop and let it decide.
/// </summary>
internal sealed class ClientConnection : ITimed
{
    /// <summary>After a time-out the last line may take this long to leave; then the socket is reset.</summary>
    private const long LastLineMilliseconds = 5_000;

    /// <summary>
    /// A client that sends nothing for so long pauses. Less than what <see cref="QuietCollection"/> waits for: what is
    /// given back then goes with the rest.
    /// </summary>
    private const long PauseMilliseconds = 1_000;

    // Zero-byte reads: an idle TLS connection holds no buffer of ours.
    private static readonly StreamPipeReaderOptions ReaderOptions =
        new(bufferSize: 4096, minimumReadSize: 1024, leaveOpen: true, useZeroByteReads: true);

    private static readonly StreamPipeWriterOptions WriterOptions = new(minimumBufferSize: 4096, leaveOpen: true);

    private readonly ConnectionContext _transport;
    private readonly IdleClock _clock;
    private readonly long _started;
    private readonly long _accepted;
    private readonly TimerWheel.Place _place;
    private SslStream? _tls;
    private volatile CancellationTokenSource? _handshake;
    private long _lastActivity;
    private long _expiredAt;
    private volatile ConnectionEndReason _expired;
    private volatile bool _isExpired;
    private volatile bool _isFlushing;
    private volatile bool _drainRequested;
    private volatile bool _wantsRest;
    private bool _holdsHandshake;
    private volatile TaskCompletionSource? _hold;
    private long _holdUntil;
    private TimeSpan _inactivityTimeout;
    private IPEndPoint _remote = new(IPAddress.None, 0);
    private volatile bool _isAccepting;
    private volatile CancellationTokenSource? _hurry;

    /// <param name="transport">Accepted just now.</param>
    /// <param name="clock">On which it has its place until <see cref="CloseAsync"/>.</param>
    /// <param name="connectionTimeout">From the start of the connection, whatever flows (OXSMTP-EV-01); null: no
    /// limit.</param>
    /// <param name="inactivityTimeout">See <see cref="InactivityTimeout"/>.</param>
    public ClientConnection(
        ConnectionContext transport, IdleClock clock, TimeSpan? connectionTimeout, TimeSpan inactivityTimeout)
    {
        _transport = transport;
        _clock = clock;
        _started = clock.ExactMilliseconds;
        _accepted = clock.Time.GetTimestamp();
        _lastActivity = _started;
        ConnectionTimeout = connectionTimeout;
        _inactivityTimeout = inactivityTimeout;
        Input = transport.Transport.Input;
        Output = transport.Transport.Output;
        Remote = (transport.RemoteEndPoint as IPEndPoint) ?? new IPEndPoint(IPAddress.None, 0);
        Local = (transport.LocalEndPoint as IPEndPoint) ?? new IPEndPoint(IPAddress.None, 0);
        _place = clock.Add(this, NextDue());
    }

    public PipeReader Input { get; private set; }

    public PipeWriter Output { get; private set; }

    /// <summary>Of its permit.</summary>
    public long Id { get; init; }

    /// <summary>The client; behind a proxy the one that the PROXY header names.</summary>
    public IPEndPoint Remote
    {
        get => _remote;
        set
        {
            _remote = value;
            Span<byte> octets = stackalloc byte[16];
            value.Address.TryWriteBytes(octets, out var written);
            Source = SourceKey.Of(octets[..written]);
        }
    }

    /// <summary>What limits count <see cref="Remote"/> by.</summary>
    public SourceKey Source { get; private set; }

    public IPEndPoint Local { get; set; }

    /// <summary>Null while the connection is plain.</summary>
    public TlsFacts? Tls { get; private set; }

    public TimeSpan? ConnectionTimeout { get; }

    /// <summary>
    /// Since the last command of the client, or the last octets that it took from us after it had not.
    /// </summary>
    public TimeSpan InactivityTimeout
    {
        get => _inactivityTimeout;
        set
        {
            _inactivityTimeout = value;
            _place.NoLaterThan(NextDue());
        }
    }

    public long OctetsIn { get; private set; }

    public long OctetsOut { get; private set; }

    public TimeSpan Age => _clock.Time.GetElapsedTime(_accepted);

    /// <summary>
    /// A buffer is held that is given back when the client pauses: the clock then wakes the loop, once, and is false
    /// again.
    /// </summary>
    public bool WantsRest
    {
        get => _wantsRest;
        set
        {
            _wantsRest = value;
            if (value)
            {
                _place.NoLaterThan(Volatile.Read(ref _lastActivity) + PauseMilliseconds);
            }
        }
    }

    public bool DrainRequested => _drainRequested;

    /// <summary>Milliseconds without any input, for the drain's decision whom to send away.</summary>
    public long IdleMilliseconds => _clock.ExactMilliseconds - Volatile.Read(ref _lastActivity);

    /// <summary>Set once a clock has run out; the loop says the last line and ends.</summary>
    public ConnectionEndReason? Expired => _isExpired ? _expired : null;

    /// <summary>
    /// The next input; when it is cancelled, <see cref="Expired"/> or <see cref="DrainRequested"/> says why.
    /// </summary>
    public ValueTask<ReadResult> ReadAsync() => Input.ReadAsync();

    /// <summary>
    /// Counts octets that arrived, and with them starts the inactivity clock anew (OXSMTP-EV-04, TMR-02).
    /// </summary>
    public void Received(long octets)
    {
        OctetsIn += octets;
        if (_holdsHandshake)
        {
            // A read has ended.
            _holdsHandshake = false;
            _wantsRest = false;
        }

        _clock.Touch();
        Volatile.Write(ref _lastActivity, _clock.ExactMilliseconds);
    }

    /// <summary>
    /// Sends what was written and waits, without a thread and without touching any clock (OXSMTP-EV-19). Whatever the
    /// client sends meanwhile waits in its bounded pipe.
    /// </summary>
    /// <returns>False: a clock ran out, or the client has gone.</returns>
    public async ValueTask<bool> HoldAsync(TimeSpan interval)
    {
        if (!await FlushAsync().ConfigureAwait(false))
        {
            return false;
        }

        // Continued on the pool: the clock's thread has other connections to look at.
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _holdUntil, _clock.ExactMilliseconds + (long)Math.Ceiling(interval.TotalMilliseconds));
        _hold = hold;
        _place.NoLaterThan(Volatile.Read(ref _holdUntil));
        var gone = _transport.ConnectionClosed;
        using (gone.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), hold))
        {
            if (_isExpired)
            {
                hold.TrySetResult();
            }

            await hold.Task.ConfigureAwait(false);
        }

        _hold = null;
        return !_isExpired && !gone.IsCancellationRequested;
    }

    /// <summary>Sends what was written. False: the client is gone or did not read in time.</summary>
    public ValueTask<bool> FlushAsync()
    {
        var pending = Output.UnflushedBytes;
        if (pending == 0)
        {
            return new(!_isExpired);
        }

        OctetsOut += pending;
        var flush = Output.FlushAsync();
        return flush.IsCompletedSuccessfully ? new(Flushed(flush.Result)) : AwaitFlushAsync(flush);
    }

    private async ValueTask<bool> AwaitFlushAsync(ValueTask<FlushResult> flush)
    {
        _isFlushing = true;
        try
        {
            var result = await flush.ConfigureAwait(false);
            // What the client took is a sign of life: a slow reader of a large message is not idle.
            Volatile.Write(ref _lastActivity, _clock.ExactMilliseconds);
            return Flushed(result);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
        finally
        {
            _isFlushing = false;
        }
    }

    private static bool Flushed(FlushResult result) => !result.IsCompleted && !result.IsCanceled;

    /// <summary>
    /// Before the reply that invites to a handshake is sent: what was pipelined in plain text is dropped (RFC 3207
    /// §4.2, RFC 2595 §4). After it, what is read may be the handshake's first octets.
    /// </summary>
    public void DropEarlyInput()
    {
        while (Input.TryRead(out var early))
        {
            Input.AdvanceTo(early.Buffer.End);
            if (early.IsCompleted || early.IsCanceled)
            {
                break;
            }
        }
    }

    /// <summary>From the first octet (RFC 8314 §3), or after <see cref="DropEarlyInput"/> and its reply.</summary>
    /// <returns>False: the handshake failed or took too long.</returns>
    public async ValueTask<bool> HandshakeAsync(CertificateShelf certificates)
    {
        using var handshake = new CancellationTokenSource();
        _handshake = handshake;
        if (_isExpired)
        {
            handshake.Cancel();
        }

        var stream = new SslStream(new DuplexPipeStream(Input, Output), leaveInnerStreamOpen: true);
        try
        {
            await stream.AuthenticateAsServerAsync(certificates.Handshake, null, handshake.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException
            or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            return false;
        }
        finally
        {
            _handshake = null;
        }

        _tls = stream;
        Tls = new TlsFacts(TlsFacts.NameOf(stream.SslProtocol), stream.NegotiatedCipherSuite.ToString());
        Input = PipeReader.Create(stream, ReaderOptions);
        Output = PipeWriter.Create(stream, WriterOptions);
        // The stream keeps the 8 KiB of its handshake until a read has ended, and that of an idle client does not. Only
        // until the first command: what comes after that may be waited for.
        _holdsHandshake = true;
        WantsRest = true;
        return true;
    }

    /// <summary>
    /// What one of these mechanisms can bind to, if any does. tls-unique is not offered: under TLS 1.2 it binds only
    /// with the extended master secret (RFC 7677 §4), of which the platform does not tell; nor does it give what
    /// tls-exporter needs (RFC 9266).
    /// </summary>
    public ChannelBinding? BindingFor(ImmutableArray<string> mechanisms) =>
        mechanisms.Contains(SaslMechanisms.ScramSha256Plus) && _tls?.LocalCertificate is X509Certificate2 certificate
            ? EndPointBinding.Of(certificate) : null;

    /// <summary>
    /// A message is committed, and waits to be acknowledged: until <see cref="EndAccept"/> the transport is not cut,
    /// whatever clock runs out. Cancelled when there is no time for a wait: a clock has run out, or the node drains.
    /// </summary>
    public CancellationToken BeginAccept()
    {
        var hurry = _hurry ??= new CancellationTokenSource();
        _isAccepting = true;
        // Whoever ends the connection sets its word and then reads ours; one of the two has to see the other's.
        Interlocked.MemoryBarrier();
        if (_isExpired || _drainRequested)
        {
            hurry.Cancel();
        }

        return hurry.Token;
    }

    /// <summary>From now on a last line has its time.</summary>
    public void EndAccept()
    {
        if (_isExpired)
        {
            Volatile.Write(ref _expiredAt, _clock.ExactMilliseconds);
        }

        _isAccepting = false;
    }

    /// <summary>Looks at all clocks; called by the wheel when one of them could have run out.</summary>
    public long Due(long now)
    {
        if (_isExpired)
        {
            if (_isAccepting || now < Volatile.Read(ref _expiredAt) + LastLineMilliseconds)
            {
                return NextDue();
            }

            _transport.Abort(new ConnectionAbortedException("The client did not take the last line in time."));
            return TimerWheel.Never;
        }

        if (now - _started >= (long?)ConnectionTimeout?.TotalMilliseconds)
        {
            Expire(ConnectionEndReason.ConnectionTimeout);
        }
        else if (now - Volatile.Read(ref _lastActivity) >= (long)_inactivityTimeout.TotalMilliseconds)
        {
            Expire(_isFlushing ? ConnectionEndReason.WriteTimeout : ConnectionEndReason.Inactivity);
        }
        else if (_hold is { } hold)
        {
            if (now >= Volatile.Read(ref _holdUntil))
            {
                hold.TrySetResult();
            }
        }
        else if (_wantsRest && now - Volatile.Read(ref _lastActivity) >= PauseMilliseconds)
        {
            _wantsRest = false;
            Wake();
        }

        return NextDue();
    }

    /// <summary>Ends the connection with its last line at the next moment the loop looks.</summary>
    public void Expire(ConnectionEndReason why)
    {
        if (_isExpired)
        {
            return;
        }

        _expired = why;
        Volatile.Write(ref _expiredAt, _clock.ExactMilliseconds);
        _isExpired = true;
        _place.NoLaterThan(NextDue());
        Wake();
    }

    /// <summary>The first of the clocks that run now.</summary>
    private long NextDue()
    {
        if (_isExpired)
        {
            return Volatile.Read(ref _expiredAt) + LastLineMilliseconds;
        }

        var last = Volatile.Read(ref _lastActivity);
        var due = last + (long)_inactivityTimeout.TotalMilliseconds;
        if (ConnectionTimeout is { } whole)
        {
            due = Math.Min(due, _started + (long)whole.TotalMilliseconds);
        }

        if (_hold is { Task.IsCompleted: false })
        {
            due = Math.Min(due, Volatile.Read(ref _holdUntil));
        }

        return _wantsRest ? Math.Min(due, last + PauseMilliseconds) : due;
    }

    public void RequestDrain()
    {
        _drainRequested = true;
        Wake();
    }

    /// <summary>For a fault or a client that must not hold us up: no further octet is sent.</summary>
    public void Abort() => _transport.Abort();

    public async ValueTask CloseAsync()
    {
        try
        {
            await CloseTlsAsync().ConfigureAwait(false);
        }
        finally
        {
            // Until here, so that a client that does not take our last octets is cut off.
            _place.Remove();
        }
    }

    private async ValueTask CloseTlsAsync()
    {
        if (_tls is { } tls)
        {
            try
            {
                if (!_isExpired)
                {
                    // close_notify, so that the client can tell the end from a cut (RFC 8446 §6.1).
                    await tls.ShutdownAsync().ConfigureAwait(false);
                }
            }
            catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
            {
                // The client closed first.
            }

            await Input.CompleteAsync().ConfigureAwait(false);
            await Output.CompleteAsync().ConfigureAwait(false);
            await tls.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// On the clock's thread: the loop may run on at once and close meanwhile, and a pipe over TLS that is closed has
    /// given back what it cancels with.
    /// </summary>
    private void Wake()
    {
        try
        {
            Interlocked.MemoryBarrier();
            Input.CancelPendingRead();
            if (_isAccepting)
            {
                // Nothing is being sent, and what comes next has to arrive.
                _hurry?.Cancel();
            }
            else if (_isExpired)
            {
                Output.CancelPendingFlush();
                _hold?.TrySetResult();
                _handshake?.Cancel();
            }
        }
        catch (ObjectDisposedException)
        {
            // It is closing, which is what was wanted.
        }
    }
}
