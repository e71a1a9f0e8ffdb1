using System.Security.Cryptography;
using System.Text;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>
/// Finds the messages of an mbox (RFC 4155) in one pass and constant memory. A message begins with a "From " line that
/// has a date and stands first or behind an empty line; Content-Length is not trusted. Lines end in LF or CRLF.
/// </summary>
internal sealed class MboxScanner(Stream source) : IDisposable
{
    private const int BufferOctets = 64 * 1024;

    /// <summary>What of a line is looked at; the rest only counts.</summary>
    private const int LineOctetsMax = 1024;

    private readonly byte[] _buffer = new byte[BufferOctets];
    private readonly byte[] _line = new byte[LineOctetsMax];
    private readonly byte[] _blank = new byte[2];
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _from;
    private int _to;
    private int _lineLength;
    private int _blankLength;
    private long _position;
    private long _lineStart;
    private bool _isLineKnown;
    private bool _isInHeader;
    private bool _isBehindBlank = true;
    private Draft? _draft;

    public void Dispose() => _hash.Dispose();

    /// <summary>Null at the end.</summary>
    /// <exception cref="SourceFault">It does not begin with a "From " line.</exception>
    public MboxMessage? Next()
    {
        while (true)
        {
            if (_from == _to)
            {
                _from = 0;
                _to = source.Read(_buffer);
                if (_to == 0)
                {
                    return AtEnd();
                }
            }

            var piece = _buffer.AsSpan(_from, _to - _from);
            var lineFeed = piece.IndexOf((byte)'\n');
            piece = lineFeed < 0 ? piece : piece[..(lineFeed + 1)];
            _from += piece.Length;
            if (TakeLinePiece(piece, isEnd: lineFeed >= 0) is { } ended)
            {
                return ended;
            }
        }
    }

    private MboxMessage? TakeLinePiece(ReadOnlySpan<byte> piece, bool isEnd)
    {
        MboxMessage? ended = null;
        _position += piece.Length;
        if (!_isLineKnown)
        {
            var kept = piece[..Math.Min(piece.Length, LineOctetsMax - _lineLength)];
            kept.CopyTo(_line.AsSpan(_lineLength));
            _lineLength += kept.Length;
            piece = piece[kept.Length..];
            if (isEnd || _lineLength == LineOctetsMax)
            {
                ended = TakeLine(_line.AsSpan(0, _lineLength));
                _isLineKnown = true;
            }
        }

        if (_isLineKnown)
        {
            _hash.AppendData(piece);
        }

        if (isEnd)
        {
            _lineStart = _position;
            _lineLength = 0;
            _isLineKnown = false;
        }

        return ended;
    }

    /// <param name="line">Its first 1024 octets, with its end when that is among them.</param>
    private MboxMessage? TakeLine(ReadOnlySpan<byte> line)
    {
        if (_isBehindBlank && MboxPostmark.TryParse(line, out var date))
        {
            var ended = End(_lineStart - _blankLength);
            _draft = new Draft(date, _position);
            _blankLength = 0;
            _isInHeader = true;
            _isBehindBlank = false;
            _hash.AppendData(line);
            return ended;
        }

        if (_draft is null)
        {
            if (line.TrimEnd("\r\n"u8).IsEmpty)
            {
                return null;
            }

            throw new SourceFault("It is no mbox: it does not begin with a \"From \" line that has a date.");
        }

        _hash.AppendData(_blank.AsSpan(0, _blankLength));
        _blankLength = 0;
        _isBehindBlank = line.SequenceEqual("\n"u8) || line.SequenceEqual("\r\n"u8);
        if (_isBehindBlank)
        {
            // Whether it belongs to the message is known with the next line.
            line.CopyTo(_blank);
            _blankLength = line.Length;
            _isInHeader = false;
        }
        else
        {
            _hash.AppendData(line);
            if (_isInHeader)
            {
                TakeField(line, _draft);
            }
        }

        return null;
    }

    private static void TakeField(ReadOnlySpan<byte> line, Draft draft)
    {
        var colon = line.IndexOf((byte)':');
        if (colon < 0)
        {
            return;
        }

        var name = line[..colon];
        if (Ascii.EqualsIgnoreCase(name, "X-UIDL"u8))
        {
            draft.UniqueId = Encoding.Latin1.GetString(line[(colon + 1)..]).Trim();
        }
        else if (Ascii.EqualsIgnoreCase(name, "Status"u8) || Ascii.EqualsIgnoreCase(name, "X-Status"u8))
        {
            foreach (var letter in line[(colon + 1)..])
            {
                draft.Flags |= letter switch
                {
                    (byte)'R' => MessageAttributes.Seen,
                    (byte)'A' => MessageAttributes.Answered,
                    (byte)'F' => MessageAttributes.Flagged,
                    (byte)'D' => MessageAttributes.Deleted,
                    (byte)'T' => MessageAttributes.Draft,
                    _ => MessageAttributes.None,
                };
            }
        }
    }

    private MboxMessage? AtEnd()
    {
        // A last line without its end.
        var ended = _lineLength > 0 && !_isLineKnown ? TakeLine(_line.AsSpan(0, _lineLength)) : null;
        _lineLength = 0;
        return ended ?? End(_position - _blankLength);
    }

    private MboxMessage? End(long end)
    {
        if (_draft is not { } draft)
        {
            return null;
        }

        _draft = null;
        return new MboxMessage(
            draft.Date, draft.Start, Math.Max(end, draft.Start), _hash.GetHashAndReset(), draft.UniqueId, draft.Flags);
    }

    private sealed class Draft(DateTimeOffset date, long start)
    {
        public DateTimeOffset Date => date;

        public long Start => start;

        public string? UniqueId { get; set; }

        public MessageAttributes Flags { get; set; }
    }
}
