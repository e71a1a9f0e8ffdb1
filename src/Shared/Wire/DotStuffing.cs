using System.Numerics;
using System.Runtime.Intrinsics;

namespace MailCluster.Shared.Wire;

/// <summary>
/// Takes the stuffing out of DATA (RFC 5321 §4.5.2) and finds its end: CRLF.CRLF, or .CRLF at the very start
/// (§4.1.1.4). A bare CR or LF never begins a line here, so it can neither end the data nor lose a dot behind it;
/// all other octets pass untouched.
/// </summary>
public struct DotUnstuffer
{
    private Place _place;

    private enum Place : byte
    {
        LineStart,
        LineStartDot,
        LineStartDotCr,
        Inside,
        InsideCr,
    }

    /// <param name="output">input.Length + 2 octets always suffice.</param>
    /// <returns>True: the end of data was consumed; the next octet is a command's.</returns>
    public bool Decode(ReadOnlySpan<byte> input, Span<byte> output, out int consumed, out int written)
    {
        consumed = 0;
        written = 0;
        while (consumed < input.Length)
        {
            if (_place >= Place.Inside)
            {
                CopyToNextDotLine(input, output, ref consumed, ref written);
                continue;
            }

            var octet = input[consumed++];
            switch (_place)
            {
                case Place.LineStart when octet == (byte)'.':
                    _place = Place.LineStartDot;
                    break;
                case Place.LineStartDot when octet == (byte)'\r':
                    _place = Place.LineStartDotCr;
                    break;
                case Place.LineStartDotCr when octet == (byte)'\n':
                    _place = Place.LineStart;
                    return true;
                case Place.LineStartDotCr:
                    output[written++] = (byte)'\r';
                    _place = Place.InsideCr;
                    consumed--;
                    break;
                default:
                    output[written++] = octet;
                    _place = octet == (byte)'\r' ? Place.InsideCr : Place.Inside;
                    break;
            }
        }

        return false;
    }

    /// <summary>Only a dot behind a CRLF needs a look, so whole runs of lines are copied at once.</summary>
    private void CopyToNextDotLine(
        ReadOnlySpan<byte> input, Span<byte> output, ref int consumed, ref int written)
    {
        var rest = input[consumed..];
        var from = 0;
        int run;
        while (true)
        {
            var at = rest[from..].IndexOf("\n."u8);
            if (at < 0)
            {
                run = rest.Length;
                break;
            }

            run = from + at + 1;
            if (EndsWithCrLf(rest[..run]))
            {
                break;
            }

            from = run;
        }

        rest[..run].CopyTo(output[written..]);
        if (EndsWithCrLf(rest[..run]))
        {
            _place = Place.LineStart;
        }
        else
        {
            _place = rest[run - 1] == (byte)'\r' ? Place.InsideCr : Place.Inside;
        }

        consumed += run;
        written += run;
    }

    private readonly bool EndsWithCrLf(ReadOnlySpan<byte> run) =>
        run[^1] == (byte)'\n' && (run.Length > 1 ? run[^2] == (byte)'\r' : _place == Place.InsideCr);
}

/// <summary>
/// Writes a body as the lines of a multi-line response (RFC 1939 §3) or of DATA (RFC 5321 §4.5.2): a dot that begins a
/// line is doubled, the last line gets its CRLF.
/// </summary>
/// <param name="normalizeBareLf">
/// A bare LF becomes CRLF, and a dot behind it is doubled: a client that takes LF for a line end finds no early end.
/// A bare CR is passed on either way.
/// </param>
public struct DotStuffer(bool normalizeBareLf)
{
    private readonly bool _normalizeBareLf = normalizeBareLf;
    private bool _insideLine;
    private bool _afterCr;

    /// <param name="output">
    /// 2 * input.Length + 2 octets always suffice; with less it stops early (see consumed).
    /// </param>
    public void Encode(ReadOnlySpan<byte> input, Span<byte> output, out int consumed, out int written)
    {
        consumed = 0;
        written = 0;
        while (consumed < input.Length && output.Length - written >= 2)
        {
            var rest = input[consumed..];
            if (!_insideLine && rest[0] == (byte)'.')
            {
                output[written++] = (byte)'.';
            }

            var lineFeed = rest.IndexOf((byte)'\n');
            var room = output.Length - written - 1;
            if (lineFeed < 0 || lineFeed > room - 1)
            {
                var run = Math.Min(lineFeed < 0 ? rest.Length : lineFeed, Math.Max(room, 1));
                Copy(rest[..run], output, ref consumed, ref written);
                continue;
            }

            Copy(rest[..lineFeed], output, ref consumed, ref written);
            if (_normalizeBareLf && !_afterCr)
            {
                output[written++] = (byte)'\r';
                _afterCr = true;
            }

            output[written++] = (byte)'\n';
            consumed++;
            _insideLine = !_afterCr;
            _afterCr = false;
        }
    }

    /// <summary>The CRLF of an unfinished last line, and the final dot.</summary>
    /// <param name="output">5 octets suffice.</param>
    public int Finish(Span<byte> output)
    {
        var end = _insideLine ? "\r\n.\r\n"u8 : ".\r\n"u8;
        end.CopyTo(output);
        _insideLine = false;
        _afterCr = false;
        return end.Length;
    }

    private void Copy(ReadOnlySpan<byte> run, Span<byte> output, ref int consumed, ref int written)
    {
        if (run.Length == 0)
        {
            return;
        }

        run.CopyTo(output[written..]);
        consumed += run.Length;
        written += run.Length;
        _insideLine = true;
        _afterCr = run[^1] == (byte)'\r';
    }
}

/// <summary>
/// Counts the octets that a DotStuffer with normalised line ends would send before stuffing: what STAT and LIST show
/// when
/// sizes are exact (STANXPOP3-NV-2.1.4).
/// </summary>
public struct WireOctetCounter
{
    private long _octets;
    private bool _insideLine;
    private bool _afterCr;

    public void Add(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
        {
            return;
        }

        _octets += input.Length + BareLineFeeds(input);
        _insideLine = input[^1] != (byte)'\n';
        _afterCr = input[^1] == (byte)'\r';
    }

    /// <param name="finish">With the CRLF that an unfinished last line would get.</param>
    public readonly long Total(bool finish) => finish && _insideLine ? _octets + 2 : _octets;

    private readonly long BareLineFeeds(ReadOnlySpan<byte> input)
    {
        long bare = input[0] == (byte)'\n' && !_afterCr ? 1 : 0;
        var at = 1;
        var lineFeeds = Vector256.Create((byte)'\n');
        var carriageReturns = Vector256.Create((byte)'\r');
        for (; input.Length - at >= Vector256<byte>.Count; at += Vector256<byte>.Count)
        {
            var ends = Vector256.Equals(Vector256.Create(input[at..]), lineFeeds);
            var before = Vector256.Equals(Vector256.Create(input[(at - 1)..]), carriageReturns);
            bare += BitOperations.PopCount(Vector256.AndNot(ends, before).ExtractMostSignificantBits());
        }

        for (; at < input.Length; at++)
        {
            bare += input[at] == (byte)'\n' && input[at - 1] != (byte)'\r' ? 1 : 0;
        }

        return bare;
    }
}
