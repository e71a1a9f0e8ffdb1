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
/// One client: its pipes (plain, later TLS), who it is, and its two clocks. Owned by one loop; the only calls that may
/// come from elsewhere are <see cref="Tick"/> and <see cref="RequestDrain"/>, which wake the loop and let it decide.
/// </summary>
internal sealed class ClientConnection
{
    /// <summary>After a time-out the last line may take this long to leave; then the socket is reset.</summary>
    private const long LastLineMilliseconds = 5_000;

    /// <summary>A client that sends nothing for so long pauses.</summary>
    private const long PauseMilliseconds = 2_000;

    // Zero-byte reads: an idle TLS connection holds no buffer of ours.
    private static readonly StreamPipeReaderOptions ReaderOptions =
        new(bufferSize: 4096, minimumReadSize: 1024, leaveOpen: true, useZeroByteReads: true);

    private static readonly StreamPipeWriterOptions WriterOptions = new(minimumBufferSize: 4096, leaveOpen: true);

    private readonly ConnectionContext _transport;
    private readonly IdleClock _clock;
    private readonly long _started;
    private readonly long _accepted;
    private SslStream? _tls;
    private volatile CancellationTokenSource? _handshake;
    private long _lastActivity;
    private long _expiredAt;
    private volatile ConnectionEndReason _expired;
    private volatile bool _isExpired;
    private volatile bool _isFlushing;
    private volatile bool _drainRequested;
    private volatile bool _wantsRest;

    public ClientConnection(ConnectionContext transport, IdleClock clock)
    {
        _transport = transport;
        _clock = clock;
        _started = clock.Milliseconds;
        _accepted = clock.Time.GetTimestamp();
        _lastActivity = _started;
        Input = transport.Transport.Input;
        Output = transport.Transport.Output;
        Remote = (transport.RemoteEndPoint as IPEndPoint) ?? new IPEndPoint(IPAddress.None, 0);
        Local = (transport.LocalEndPoint as IPEndPoint) ?? new IPEndPoint(IPAddress.None, 0);
    }

    public PipeReader Input { get; private set; }

    public PipeWriter Output { get; private set; }

    /// <summary>The client; behind a proxy the one that the PROXY header names.</summary>
    public IPEndPoint Remote { get; set; }

    public IPEndPoint Local { get; set; }

    /// <summary>Null while the connection is plain.</summary>
    public TlsFacts? Tls { get; private set; }

    /// <summary>From the start of the connection, whatever flows; null: no limit.</summary>
    public TimeSpan? ConnectionTimeout { get; set; }

    /// <summary>Since the last octet from the client, or the last octet it took from us.</summary>
    public TimeSpan InactivityTimeout { get; set; } = TimeSpan.FromMinutes(5);

    public long OctetsIn { get; private set; }

    public long OctetsOut { get; private set; }

    public TimeSpan Age => _clock.Time.GetElapsedTime(_accepted);

    /// <summary>
    /// The driver holds a buffer that it gives back when the client pauses: the clock then wakes the loop once.
    /// </summary>
    public bool WantsRest
    {
        get => _wantsRest;
        set => _wantsRest = value;
    }

    public bool DrainRequested => _drainRequested;

    /// <summary>Milliseconds without any input, for the drain's decision whom to send away.</summary>
    public long IdleMilliseconds => _clock.Milliseconds - Volatile.Read(ref _lastActivity);

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
        _clock.Touch();
        Volatile.Write(ref _lastActivity, _clock.Milliseconds);
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
            Volatile.Write(ref _lastActivity, _clock.Milliseconds);
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

    /// <summary>Looks at both clocks; called by the idle clock about four times a second.</summary>
    public void Tick(long now)
    {
        if (_isExpired)
        {
            if (now - Volatile.Read(ref _expiredAt) > LastLineMilliseconds)
            {
                _transport.Abort(new ConnectionAbortedException("The client did not take the last line in time."));
            }

            return;
        }

        if (ConnectionTimeout is { } whole && now - _started >= (long)whole.TotalMilliseconds)
        {
            Expire(ConnectionEndReason.ConnectionTimeout, now);
        }
        else if (_wantsRest && now - Volatile.Read(ref _lastActivity) >= PauseMilliseconds)
        {
            Wake();
        }
        else if (now - Volatile.Read(ref _lastActivity) >= (long)InactivityTimeout.TotalMilliseconds)
        {
            Expire(_isFlushing ? ConnectionEndReason.WriteTimeout : ConnectionEndReason.Inactivity, now);
        }
    }

    /// <summary>Ends the connection with its last line at the next moment the loop looks.</summary>
    public void Expire(ConnectionEndReason why, long now)
    {
        if (_isExpired)
        {
            return;
        }

        _expired = why;
        Volatile.Write(ref _expiredAt, now);
        _isExpired = true;
        Wake();
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
            Input.CancelPendingRead();
            if (_isExpired)
            {
                Output.CancelPendingFlush();
                _handshake?.Cancel();
            }
        }
        catch (ObjectDisposedException)
        {
            // It is closing, which is what was wanted.
        }
    }
}
