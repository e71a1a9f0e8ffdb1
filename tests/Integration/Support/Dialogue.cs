using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>
/// A client that says exactly what a test tells it to. Blocking: a test that hangs ends with the socket's time-out.
/// Octets are characters (Latin-1) in its texts.
/// </summary>
internal sealed class Dialogue : IDisposable
{
    private const int TimeoutMilliseconds = 60_000;

    private readonly TcpClient _tcp;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private Stream _stream;
    private int _start;
    private int _end;

    private Dialogue(TcpClient tcp)
    {
        _tcp = tcp;
        _stream = tcp.GetStream();
    }

    public bool IsClosed { get; private set; }

    /// <summary>As this client saw it in the handshake.</summary>
    public X509Certificate2 ServerCertificate => (X509Certificate2)((SslStream)_stream).RemoteCertificate!;

    public static Dialogue Connect(IPEndPoint to, bool tls = false)
    {
        TcpClient tcp =
            new(to.AddressFamily) { NoDelay = true, ReceiveTimeout = TimeoutMilliseconds, SendTimeout =
            TimeoutMilliseconds };
        try
        {
            tcp.Connect(to);
            Dialogue dialogue = new(tcp);
            if (tls)
            {
                dialogue.UpgradeToTls();
            }

            return dialogue;
        }
        catch
        {
            tcp.Dispose();
            throw;
        }
    }

    /// <summary>A session after its greeting and EHLO.</summary>
    public static Dialogue Smtp(IPEndPoint to, bool tls = false)
    {
        Dialogue dialogue = Connect(to, tls);
        dialogue.Expect("220");
        dialogue.Ask("EHLO client.example.test", "250");
        return dialogue;
    }

    /// <summary>A session after USER and PASS; with UTF8 it takes every message as it is (RFC 6856).</summary>
    public static Dialogue Pop3(IPEndPoint to, string user, string password, bool tls = false, bool utf8 = false)
    {
        Dialogue dialogue = Connect(to, tls);
        dialogue.Expect("+OK");
        if (utf8)
        {
            dialogue.Ask("UTF8", "+OK");
        }

        dialogue.Ask($"USER {user}", "+OK");
        dialogue.Ask($"PASS {password}", "+OK");
        return dialogue;
    }

    public void UpgradeToTls()
    {
        SslStream tls = new(_stream);
        tls.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            // it is self-signed
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        });
        _stream = tls;
    }

    public void Send(ReadOnlySpan<byte> octets) => _stream.Write(octets);

    /// <summary>As much of it as the other side and the system take now, and a little of the rest.</summary>
    public void SendWithoutWaiting(byte[] octets)
    {
        _tcp.Client.Blocking = false;
        int sent = 0;
        int refusals = 0;
        using ManualResetEventSlim never = new(initialState: false);
        while (sent < octets.Length && refusals < 5)
        {
            int count = _tcp.Client.Send(octets.AsSpan(sent), SocketFlags.None, out SocketError error);
            sent += Math.Max(0, count);
            if (error == SocketError.WouldBlock)
            {
                refusals++;
                never.Wait(20); // what the other side has not taken by then, it does not want
            }
        }
    }

    /// <summary>Whether the server has sent something that was not read yet, or has closed.</summary>
    public bool HasInput => _start < _end || _tcp.Client.Poll(0, SelectMode.SelectRead);

    public void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public void SendLine(string line) => Send(line + "\r\n");

    /// <summary>A line without its CRLF, or null at the end of the stream.</summary>
    public string? TryReadLine()
    {
        StringBuilder line = new();
        while (true)
        {
            ReadOnlySpan<byte> waiting = _buffer.AsSpan(_start, _end - _start);
            int at = waiting.IndexOf((byte)'\n');
            line.Append(Encoding.Latin1.GetString(at < 0 ? waiting : waiting[..at]));
            _start = at < 0 ? _end : _start + at + 1;
            if (at >= 0)
            {
                return line is [.., '\r'] ? line.ToString(0, line.Length - 1) : line.ToString();
            }

            if (!Fill())
            {
                return line.Length == 0 ? null : line.ToString();
            }
        }
    }

    public string ReadLine() => TryReadLine() ?? throw new EndOfStreamException("The server closed the connection.");

    /// <summary>One reply, of several lines when it has them, joined by LF.</summary>
    public string ReadReply()
    {
        string line = ReadLine();
        StringBuilder reply = new(line);
        while (line.Length > 3 && line[3] == '-' && char.IsAsciiDigit(line[0]))
        {
            line = ReadLine();
            reply.Append('\n').Append(line);
        }

        return reply.ToString();
    }

    public string Expect(string start)
    {
        string reply = ReadReply();
        Assert.StartsWith(start, reply, StringComparison.Ordinal);
        return reply;
    }

    public string Ask(string command)
    {
        SendLine(command);
        return ReadReply();
    }

    public string Ask(string command, string start)
    {
        SendLine(command);
        return Expect(start);
    }

    public void ExpectEnd()
    {
        string? line = TryReadLine();
        Assert.True(line is null, $"Expected the end, got: {line}");
        IsClosed = true;
    }

    /// <summary>A multi-line answer of POP3 up to its dot, without the stuffing.</summary>
    public byte[] ReadMultiline()
    {
        using MemoryStream body = new();
        while (true)
        {
            string line = ReadLine();
            if (line == ".")
            {
                return body.ToArray();
            }

            body.Write(Encoding.Latin1.GetBytes(line.StartsWith('.') ? line[1..] : line));
            body.Write("\r\n"u8);
        }
    }

    /// <summary>
    /// As <see cref="ReadMultiline"/>, with every octet as it was sent: a line ends in CRLF, and LF alone ends nothing.
    /// </summary>
    public byte[] ReadOctets()
    {
        using MemoryStream answer = new();
        byte[] piece = new byte[64 * 1024];
        while (!IsWhole(answer.GetBuffer().AsSpan(0, (int)answer.Length)))
        {
            int count = Read(piece);
            Assert.True(count > 0, $"The answer ended after {answer.Length} octets.");
            answer.Write(piece.AsSpan(0, count));
        }

        return Unstuffed(answer.GetBuffer().AsSpan(0, (int)answer.Length - 3));

        // Its last line is a dot; what was stuffed has two.
        static bool IsWhole(ReadOnlySpan<byte> octets) =>
            octets.EndsWith("\r\n.\r\n"u8) || octets.SequenceEqual(".\r\n"u8);

        static byte[] Unstuffed(ReadOnlySpan<byte> lines)
        {
            using MemoryStream plain = new(lines.Length);
            while (lines.Length > 0)
            {
                int end = lines.IndexOf("\r\n"u8) + 2;
                plain.Write(lines[(lines[0] == (byte)'.' ? 1 : 0)..end]);
                lines = lines[end..];
            }

            return plain.ToArray();
        }
    }

    /// <summary>Octets of the stream as they come; 0 at its end.</summary>
    public int Read(Span<byte> into)
    {
        if (_start == _end && !Fill())
        {
            return 0;
        }

        int count = Math.Min(into.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(into);
        _start += count;
        return count;
    }

    /// <summary>Ends the connection with a reset, as a client that dies does.</summary>
    public void Reset()
    {
        _tcp.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        _tcp.Client.Close();
    }

    public void Dispose()
    {
        _stream.Dispose();
        _tcp.Dispose();
    }

    private bool Fill()
    {
        _start = 0;
        _end = 0;
        try
        {
            _end = _stream.Read(_buffer);
        }
        catch (IOException exception) when (
            exception.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
        {
            return false;
        }

        return _end > 0;
    }
}
