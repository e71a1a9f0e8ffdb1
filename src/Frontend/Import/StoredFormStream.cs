namespace MailCluster.Frontend.Import;

/// <summary>How an mbox keeps lines that begin with "From " from looking like the start of a message.</summary>
internal enum MboxQuoting
{
    /// <summary>It is no mbox.</summary>
    None,

    /// <summary>mboxrd: "&gt;" before any number of "&gt;" and "From "; can be undone.</summary>
    Rd,

    /// <summary>mboxo: "&gt;" before "From " only.</summary>
    O,
}

/// <summary>
/// A message file as SMTP would have brought it: every line ends in CRLF, quoted "From " lines are what they were. All
/// else passes, a bare CR too. Of any size in 100 KiB of memory.
/// </summary>
internal sealed class StoredFormStream : Stream
{
    private const int InputOctets = 32 * 1024;

    /// <summary>A line with more quotes than that was hardly made by quoting; it stays as it is.</summary>
    private const int QuotesMax = 1000;

    private readonly Stream _source;
    private readonly MboxQuoting _quoting;
    private readonly byte[] _input = new byte[InputOctets];
    private readonly byte[] _output = new byte[(2 * InputOctets) + QuotesMax + 8];
    private long _rest;
    private int _from;
    private int _to;
    private int _quotes;
    private int _matched;
    private bool _isInPrefix;
    private bool _afterCr;
    private bool _isAtEnd;

    /// <param name="source">At the message's beginning; disposed with this.</param>
    /// <param name="octets">Of the message there; what is less is all there is.</param>
    public StoredFormStream(Stream source, long octets, MboxQuoting quoting)
    {
        _source = source;
        _rest = octets;
        _quoting = quoting;
        _isInPrefix = quoting != MboxQuoting.None;
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    private static ReadOnlySpan<byte> From => "From "u8;

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_from == _to && !_isAtEnd)
        {
            var most = (int)Math.Min(InputOctets, _rest);
            var count = most == 0 ? 0 : await _source.ReadAsync(_input.AsMemory(0, most), cancellationToken);
            _rest -= count;
            Convert(count);
        }

        return Take(buffer.Span);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        while (_from == _to && !_isAtEnd)
        {
            var read = _source.Read(_input, 0, (int)Math.Min(InputOctets, _rest));
            _rest -= read;
            Convert(read);
        }

        return Take(buffer.AsSpan(offset, count));
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _source.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _to - _from);
        _output.AsSpan(_from, count).CopyTo(buffer);
        _from += count;
        return count;
    }

    private void Convert(int count)
    {
        _from = 0;
        _to = 0;
        if (count == 0)
        {
            _isAtEnd = true;
            EndPrefix(_quotes);
            return;
        }

        for (var input = _input.AsSpan(0, count); !input.IsEmpty;)
        {
            if (_isInPrefix)
            {
                if (TryMatch(input[0]))
                {
                    input = input[1..];
                }

                continue;
            }

            var lineFeed = input.IndexOf((byte)'\n');
            var run = lineFeed < 0 ? input : input[..lineFeed];
            Put(run);
            if (lineFeed >= 0)
            {
                if (!_afterCr)
                {
                    _output[_to++] = (byte)'\r';
                }

                _output[_to++] = (byte)'\n';
                _afterCr = false;
                _isInPrefix = _quoting != MboxQuoting.None;
                run = input[..(lineFeed + 1)];
            }

            input = input[run.Length..];
        }
    }

    /// <summary>False: the line is not quoted, and the octet is to be looked at again.</summary>
    private bool TryMatch(byte octet)
    {
        if (_matched == 0 && octet == (byte)'>' && _quotes < (_quoting == MboxQuoting.O ? 1 : QuotesMax))
        {
            _quotes++;
            return true;
        }

        if (_quotes == 0 || octet != From[_matched])
        {
            EndPrefix(_quotes);
            return false;
        }

        if (++_matched == From.Length)
        {
            EndPrefix(_quotes - 1);
        }

        return true;
    }

    private void EndPrefix(int quotes)
    {
        _output.AsSpan(_to, quotes).Fill((byte)'>');
        _to += quotes;
        Put(From[.._matched]);
        _afterCr = false;
        _quotes = 0;
        _matched = 0;
        _isInPrefix = false;
    }

    private void Put(ReadOnlySpan<byte> run)
    {
        if (!run.IsEmpty)
        {
            run.CopyTo(_output.AsSpan(_to));
            _to += run.Length;
            _afterCr = run[^1] == (byte)'\r';
        }
    }
}
