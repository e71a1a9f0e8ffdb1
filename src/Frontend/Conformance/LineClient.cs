using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>
/// Octets to a server and lines from it, with nothing between that would put right what either says. A wait that is
/// over and a connection that is gone are answers, not exceptions. Octets are Latin-1 characters.
/// </summary>
internal sealed class LineClient : IAsyncDisposable
{
    /// <summary>Octets; longer lines than any protocol here allows are handed out in pieces.</summary>
    private const int BufferSize = 64 * 1024;

    private readonly Socket _socket;
    private readonly Place _place;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly CancellationToken _stop;
    private readonly byte[] _buffer = new byte[BufferSize];

    /// <summary>The beginning of a line whose end has not come.</summary>
    private readonly StringBuilder _line = new();

    private Stream _stream;
    private bool _isStuck;
    private Task<int>? _read;
    private int _start;
    private int _end;

    private LineClient(Socket socket, Place place, TimeProvider time, TimeSpan patience, CancellationToken stop)
    {
        _socket = socket;
        _place = place;
        _time = time;
        _patience = patience;
        _stop = stop;
        _stream = new NetworkStream(socket, ownsSocket: true);
        Sent = time.GetTimestamp();
    }

    /// <summary>When something was sent last, or the connection was asked for.</summary>
    public long Sent { get; private set; }

    public SslProtocols TlsVersion => _stream is SslStream tls ? tls.SslProtocol : SslProtocols.None;

    public IPAddress LocalAddress => ((IPEndPoint)_socket.LocalEndPoint!).Address;

    /// <param name="source">The address to come from; null: the system chooses.</param>
    /// <exception cref="UnreachableTargetException">Refused, or nothing answers in time.</exception>
    public static async Task<LineClient> ConnectAsync(
        Place place, IPAddress? source, TimeProvider time, TimeSpan patience, CancellationToken stop)
    {
        var asked = time.GetTimestamp();
        Socket? socket = null;
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(place.Host, stop);
            var address = addresses.FirstOrDefault(found => found.AddressFamily == AddressFamily.InterNetwork)
                ?? addresses[0];
            socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            if (source is not null)
            {
                socket.Bind(new IPEndPoint(source, 0));
            }

            await socket.ConnectAsync(new IPEndPoint(address, place.Port), stop).AsTask()
                .WaitAsync(patience, time, stop);
            return new LineClient(socket, place, time, patience, stop) { Sent = asked };
        }
        catch (Exception failure) when (failure is SocketException or TimeoutException)
        {
            socket?.Dispose();
            throw new UnreachableTargetException(place, failure.Message);
        }
    }

    /// <summary>From now on in TLS; whatever certificate is shown is taken: it is not what is judged.</summary>
    /// <exception cref="ProbeStoppedException">The handshake fails.</exception>
    public async Task UpgradeAsync()
    {
        if (await TryUpgradeAsync() is { } failure)
        {
            throw new ProbeStoppedException(Finding.Fail($"TLS handshake: {failure}"));
        }
    }

    /// <summary>Null, or why the handshake failed.</summary>
    public async Task<string?> TryUpgradeAsync()
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = _place.Host,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        };
        var tls = new SslStream(_stream);
        try
        {
            await tls.AuthenticateAsClientAsync(options, _stop).WaitAsync(_patience, _time, _stop);
        }
        catch (Exception failure) when (failure is AuthenticationException or IOException or TimeoutException)
        {
            return failure.Message;
        }

        // What the server sent in the clear behind its last reply has no place in what follows.
        _start = _end = 0;
        _stream = tls;
        return null;
    }

    /// <summary>Where the server has closed or does not read any more, the next reply says so.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> octets)
    {
        Sent = _time.GetTimestamp();
        if (_isStuck)
        {
            return;
        }

        try
        {
            await _stream.WriteAsync(octets, _stop).AsTask().WaitAsync(_patience, _time, _stop);
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            _isStuck = true;
        }
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>One reply of SMTP; of several lines where it has them (RFC 5321 §4.2.1).</summary>
    public Task<Reply> ReadSmtpAsync() => ReadSmtpAsync(_patience);

    /// <param name="within">Since something was sent.</param>
    public async Task<Reply> ReadSmtpAsync(TimeSpan within)
    {
        List<string> lines = [];
        while (true)
        {
            var (line, isClosed) = await ReadLineAsync(within);
            if (line is null)
            {
                // A reply that is not whole is none.
                return new Reply([], _time.GetElapsedTime(Sent), isClosed);
            }

            lines.Add(line);
            if (line.Length < 4 || line[3] != '-' || lines.Count > 100)
            {
                return new Reply(lines, _time.GetElapsedTime(Sent), IsClosed: false);
            }
        }
    }

    /// <summary>A line by itself, as a reply.</summary>
    public Task<Reply> ReadSingleAsync() => ReadSingleAsync(_patience);

    public async Task<Reply> ReadSingleAsync(TimeSpan within)
    {
        var (line, isClosed) = await ReadLineAsync(within);
        return new Reply(line is null ? [] : [line], _time.GetElapsedTime(Sent), isClosed);
    }

    /// <summary>A line without its CRLF (another end is kept); or null, and whether nothing more comes.</summary>
    public async Task<(string? Line, bool IsClosed)> ReadLineAsync(TimeSpan within)
    {
        while (true)
        {
            var at = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            var count = at < 0 ? _end - _start : at + 1;
            _line.Append(Encoding.Latin1.GetString(_buffer, _start, count));
            _start += count;
            if (at >= 0 || _line.Length >= BufferSize)
            {
                var line = _line.ToString();
                _line.Clear();
                return (line.EndsWith("\r\n", StringComparison.Ordinal) ? line[..^2] : line, false);
            }

            if (await FillAsync(within) is not { } filled)
            {
                return (null, false);
            }

            if (!filled)
            {
                return (null, true);
            }
        }
    }

    /// <summary>Whether the server closes within a time since something was sent; what it says is dropped.</summary>
    public async Task<bool> ClosesAsync(TimeSpan within)
    {
        while (true)
        {
            _start = _end = 0;
            if (await FillAsync(within) is not { } filled)
            {
                return false;
            }

            if (!filled)
            {
                return true;
            }
        }
    }

    public Task<bool> ClosesAsync() => ClosesAsync(_time.GetElapsedTime(Sent) + _patience);

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>Whether octets came; false at the end of the stream; null when the time is over.</summary>
    private async Task<bool?> FillAsync(TimeSpan within)
    {
        var left = within - _time.GetElapsedTime(Sent);
        try
        {
            // A read that was not answered in time goes on: to cancel one breaks a TLS stream.
            _start = _end = 0;
            _read ??= _stream.ReadAsync(_buffer, _stop).AsTask();
            _end = await _read.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, _stop);
            _read = null;
            return _end > 0;
        }
        catch (TimeoutException)
        {
            return null;
        }
        catch (IOException)
        {
            _read = Task.FromResult(0);
            return false;
        }
    }
}
