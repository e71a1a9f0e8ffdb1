using System.Buffers.Text;
using System.Text;

namespace MailCluster.LoadTest.Clients;

/// <summary>What is read from a message found in a mailbox.</summary>
/// <param name="Octets">Of the body as it was sent.</param>
internal readonly record struct FoundMessage(long Number, int Octets);

/// <summary>
/// The messages of a run. A body is a piece of one long text, chosen by the message's number, so that it costs no
/// memory to send and can be compared when it is found.
/// </summary>
internal sealed class LoadMessage
{
    private const int LineSize = 80;
    private const int Lines = 997;
    private const int TextSize = LineSize * Lines;

    /// <summary>The longest header section that <see cref="WriteHeader"/> makes without its recipients.</summary>
    public const int HeaderSizeMax = 512;

    /// <summary>Names the run and the message: "X-MailCluster-Load: RUN NUMBER OCTETS".</summary>
    private static ReadOnlySpan<byte> Mark => "X-MailCluster-Load: "u8;

    private readonly byte[] _text = new byte[TextSize * 2];
    private readonly byte[] _markOfRun;

    public LoadMessage(string run)
    {
        Run = run;
        _markOfRun = [.. Mark, .. Encoding.ASCII.GetBytes(run), (byte)' '];
        // Each line is another, and none begins with a dot; the same text in every run.
        var random = new Random(20);
        for (var at = 0; at < TextSize; at++)
        {
            _text[at] = (at % LineSize) switch
            {
                LineSize - 2 => (byte)'\r',
                LineSize - 1 => (byte)'\n',
                var column when column % 8 == 7 => (byte)' ',
                _ => (byte)('a' + random.Next(26)),
            };
        }

        _text.AsSpan(0, TextSize).CopyTo(_text.AsSpan(TextSize));
    }

    public string Run { get; }

    /// <summary>Octets of the body that is sent for a wish: it ends with CRLF and cuts none.</summary>
    public static int BodySize(int wanted)
    {
        var size = Math.Max(wanted, 4);
        return (size - 2) % LineSize == LineSize - 1 ? size - 1 : size;
    }

    /// <returns>Octets written.</returns>
    public int WriteHeader(Span<byte> buffer, long number, int size, ReadOnlySpan<byte> sender, ReadOnlySpan<byte> to)
    {
        var at = 0;
        Put(buffer, ref at, "From: <"u8);
        Put(buffer, ref at, sender);
        Put(buffer, ref at, ">\r\nTo: <"u8);
        Put(buffer, ref at, to);
        Put(buffer, ref at, ">\r\nSubject: Load test\r\nMessage-ID: <"u8);
        Put(buffer, ref at, number);
        buffer[at++] = (byte)'.';
        Put(buffer, ref at, _markOfRun.AsSpan(Mark.Length, _markOfRun.Length - Mark.Length - 1));
        Put(buffer, ref at, "@load.invalid>\r\n"u8);
        Put(buffer, ref at, _markOfRun);
        Put(buffer, ref at, number);
        buffer[at++] = (byte)' ';
        Put(buffer, ref at, size);
        Put(buffer, ref at, "\r\n\r\n"u8);
        return at;
    }

    /// <summary>The piece of a body from an offset on, as much as is in one piece, without the closing CRLF.</summary>
    public ReadOnlyMemory<byte> Piece(long number, int size, int offset)
    {
        var from = (int)(((number * 7 % Lines * LineSize) + offset) % TextSize);
        return _text.AsMemory(from, Math.Min(TextSize, size - 2 - offset));
    }

    /// <summary>Finds this run's mark in a header section; false: the message is not of this run.</summary>
    public bool TryFind(ReadOnlySpan<byte> header, out FoundMessage found)
    {
        found = default;
        var at = header.IndexOf(_markOfRun);
        if (at < 0)
        {
            return false;
        }

        var rest = header[(at + _markOfRun.Length)..];
        if (!Utf8Parser.TryParse(rest, out long number, out var length) || length + 1 >= rest.Length
            || !Utf8Parser.TryParse(rest[(length + 1)..], out int octets, out _))
        {
            return false;
        }

        found = new FoundMessage(number, octets);
        return true;
    }

    /// <summary>Whether a body is what was sent.</summary>
    public bool IsBody(FoundMessage found, ReadOnlySpan<byte> body)
    {
        if (body.Length != found.Octets || !body.EndsWith("\r\n"u8))
        {
            return false;
        }

        for (var offset = 0; offset < body.Length - 2;)
        {
            var piece = Piece(found.Number, found.Octets, offset).Span;
            if (!body.Slice(offset, piece.Length).SequenceEqual(piece))
            {
                return false;
            }

            offset += piece.Length;
        }

        return true;
    }

    private static void Put(Span<byte> buffer, ref int at, ReadOnlySpan<byte> octets)
    {
        octets.CopyTo(buffer[at..]);
        at += octets.Length;
    }

    private static void Put(Span<byte> buffer, ref int at, long number)
    {
        Utf8Formatter.TryFormat(number, buffer[at..], out var written);
        at += written;
    }
}
