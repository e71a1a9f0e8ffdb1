using System.Collections.Immutable;
using System.Text;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Mime;

/// <summary>
/// Reads the header section of a message (RFC 5322 §2.2) while its octets stream by, in any split, in bounded memory:
/// what
/// the limits and the submission fix-ups have to know. Lines end in CRLF or, as nobody counts hops by looking away, in
/// a
/// bare LF. A line that is no field ends the section before it.
/// </summary>
public sealed class HeaderScanner
{
    /// <summary>A longer run without a colon is no field name (RFC 5322 §2.1.1 limits the whole line to 998).</summary>
    private const int FieldNameOctetsMax = 256;

    private readonly ImmutableArray<byte[]> _localHosts;
    private readonly byte[] _word = new byte[FieldNameOctetsMax];
    private int _wordLength;
    private Place _place;
    private long _position;
    private long _lineStart;
    private int _commentDepth;
    private bool _isQuotedPair;
    private bool _isAfterBy;
    private bool _isByFound;
    private bool _isInReceived;

    /// <param name="localHostNames">Names that our own nodes write behind "by" in Received:.</param>
    public HeaderScanner(ImmutableArray<string> localHostNames)
    {
        _localHosts = [.. localHostNames.Select(Encoding.UTF8.GetBytes)];
    }

    private enum Place : byte
    {
        LineStart,
        LineStartCr,
        Name,
        NameBlank,
        Value,
        Received,
        ReceivedQuoted,
        Done,
    }

    /// <summary>The end of the header section was seen; further octets change nothing.</summary>
    public bool IsComplete => _place == Place.Done;

    /// <summary>Up to and with the empty line; while there was none, everything so far.</summary>
    public long HeaderOctets { get; private set; }

    /// <summary>RFC 5321 §6.3.</summary>
    public int ReceivedFields { get; private set; }

    /// <summary>Received: fields whose "by" names one of our own nodes (OXSMTP-EV-06).</summary>
    public int LocalReceivedFields { get; private set; }

    public bool HasDate { get; private set; }

    public bool HasMessageId { get; private set; }

    public bool HasFrom { get; private set; }

    /// <summary>Octets above 127 in the header (RFC 6532), whatever charset they are in.</summary>
    public bool HasNonAscii { get; private set; }

    /// <param name="octets">The next octets of the message, without dot-stuffing.</param>
    public void Add(ReadOnlySpan<byte> octets)
    {
        var before = _position;
        Scan(octets);
        HasNonAscii |= !System.Text.Ascii.IsValid(octets[..(int)(_position - before)]);
    }

    private void Scan(ReadOnlySpan<byte> octets)
    {
        for (var i = 0; i < octets.Length && _place != Place.Done; i++)
        {
            if (_place == Place.Value)
            {
                // Nothing in such a value matters but its end.
                var lineFeed = octets[i..].IndexOf((byte)'\n');
                var skipped = lineFeed < 0 ? octets.Length - i : lineFeed;
                _position += skipped;
                i += skipped;
                if (lineFeed < 0)
                {
                    break;
                }
            }

            _position++;
            Step(octets[i]);
        }

        if (_place != Place.Done)
        {
            HeaderOctets = _position;
        }
    }

    private void Step(byte octet)
    {
        switch (_place)
        {
            case Place.LineStart:
                StartLine(octet);
                break;
            case Place.LineStartCr when octet == (byte)'\n':
                Complete(_position);
                break;
            case Place.LineStartCr:
                Complete(_lineStart);
                break;
            case Place.Name or Place.NameBlank:
                StepName(octet);
                break;
            case Place.Received or Place.ReceivedQuoted:
                StepReceived(octet);
                break;
            default:
                EndLine();
                break;
        }
    }

    private void StartLine(byte octet)
    {
        switch (octet)
        {
            case (byte)'\r':
                _place = Place.LineStartCr;
                break;
            case (byte)'\n':
                Complete(_position);
                break;
            case (byte)' ' or (byte)'\t' when _lineStart > 0:
                // Folding white space (RFC 5322 §2.2.3): the value of the line before goes on.
                _place = _isInReceived ? Place.Received : Place.Value;
                break;
            default:
                _isInReceived = false;
                _wordLength = 0;
                _place = Place.Name;
                StepName(octet);
                break;
        }
    }

    private void StepName(byte octet)
    {
        if (octet == (byte)':' && _wordLength > 0)
        {
            StartValue(_word.AsSpan(0, _wordLength));
        }
        else if (octet is (byte)' ' or (byte)'\t' && _wordLength > 0)
        {
            // obs-optional: white space before the colon (RFC 5322 §4.5.8).
            _place = Place.NameBlank;
        }
        else if (_place == Place.NameBlank || _wordLength == _word.Length || !AsciiSets.FieldName.Contains(octet))
        {
            Complete(_lineStart);
        }
        else
        {
            _word[_wordLength++] = octet;
        }
    }

    private void StartValue(ReadOnlySpan<byte> name)
    {
        _place = Place.Value;
        if (Ascii.EqualsIgnoreCase(name, "Received"u8))
        {
            ReceivedFields++;
            _place = Place.Received;
            _isInReceived = true;
            _isAfterBy = false;
            _isByFound = false;
            _isQuotedPair = false;
            _commentDepth = 0;
            _wordLength = 0;
        }
        else if (Ascii.EqualsIgnoreCase(name, "Date"u8))
        {
            HasDate = true;
        }
        else if (Ascii.EqualsIgnoreCase(name, "Message-ID"u8))
        {
            HasMessageId = true;
        }
        else if (Ascii.EqualsIgnoreCase(name, "From"u8))
        {
            HasFrom = true;
        }
    }

    /// <summary>
    /// Words of Received: (RFC 5321 §4.4) outside of comments and quoted strings, until one follows "by" or the date
    /// begins.
    /// </summary>
    private void StepReceived(byte octet)
    {
        if (octet == (byte)'\n')
        {
            EndWord();
            EndLine();
            return;
        }

        if (_isQuotedPair)
        {
            _isQuotedPair = false;
            return;
        }

        switch (octet)
        {
            case (byte)'\\' when _commentDepth > 0 || _place == Place.ReceivedQuoted:
                _isQuotedPair = true;
                break;
            case (byte)'"' when _commentDepth == 0:
                EndWord();
                _place = _place == Place.Received ? Place.ReceivedQuoted : Place.Received;
                break;
            case (byte)'(' when _place == Place.Received:
                EndWord();
                _commentDepth++;
                break;
            case (byte)')' when _place == Place.Received && _commentDepth > 0:
                _commentDepth--;
                break;
            default:
                StepReceivedWord(octet);
                break;
        }
    }

    private void StepReceivedWord(byte octet)
    {
        if (_commentDepth > 0 || _place == Place.ReceivedQuoted)
        {
            return;
        }

        switch (octet)
        {
            case (byte)' ' or (byte)'\t' or (byte)'\r':
                EndWord();
                break;
            case (byte)';':
                EndWord();
                _isByFound = true;
                break;
            default:
                if (_wordLength < _word.Length)
                {
                    _word[_wordLength++] = octet;
                }

                break;
        }
    }

    private void EndWord()
    {
        if (_wordLength == 0)
        {
            return;
        }

        var word = _word.AsSpan(0, _wordLength);
        _wordLength = 0;
        if (_isByFound)
        {
            return;
        }

        if (_isAfterBy)
        {
            _isByFound = true;
            LocalReceivedFields += IsLocal(word) ? 1 : 0;
        }

        _isAfterBy = Ascii.EqualsIgnoreCase(word, "by"u8);
    }

    private bool IsLocal(ReadOnlySpan<byte> word)
    {
        foreach (var host in _localHosts)
        {
            if (Ascii.EqualsIgnoreCase(word, host))
            {
                return true;
            }
        }

        return false;
    }

    private void EndLine()
    {
        _place = Place.LineStart;
        _lineStart = _position;
    }

    private void Complete(long headerOctets)
    {
        _place = Place.Done;
        HeaderOctets = headerOctets;
    }
}
