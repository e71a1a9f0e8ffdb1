using System.Buffers;

namespace MailCluster.Shared.Wire;

/// <summary>What is wrong with a line that was framed.</summary>
public enum LineFault
{
    None,

    /// <summary>Longer than the limit of the state it came in (RFC 5321 §4.5.3.1.9); skipped to its end.</summary>
    TooLong,

    /// <summary>Ended by LF without CR: no line end (RFC 5321 §2.3.8), so it is never taken as a command.</summary>
    BareLineFeed,
}

/// <summary>
/// Cuts octets into lines. The only state is whether the rest of a too-long line is being skipped, so that a line of
/// any
/// length needs a buffer of no more than its limit. A CR that is not followed by LF is an octet of its line.
/// </summary>
public struct LineFramer
{
    private bool _skipping;

    /// <summary>Tries to complete one line.</summary>
    /// <param name="lineOctetsMax">Octets of the longest line, with its CRLF; at least 2.</param>
    /// <param name="line">Without CRLF; empty with a fault.</param>
    /// <param name="consumed">
    /// Up to where the buffer is done with; also moves when false, while a too-long line is skipped.
    /// </param>
    /// <returns>True: a line or a fault is complete. False: more octets are needed.</returns>
    public bool TryRead(
        in ReadOnlySequence<byte> buffer,
        int lineOctetsMax,
        out ReadOnlySequence<byte> line,
        out SequencePosition consumed,
        out LineFault fault)
    {
        line = default;
        fault = LineFault.None;
        consumed = buffer.Start;

        // Within a line of legal length the LF is among the first octets: what lies behind is not searched twice.
        var window = !_skipping && buffer.Length > lineOctetsMax ? buffer.Slice(0, lineOctetsMax) : buffer;
        if (window.PositionOf((byte)'\n') is { } lineFeed)
        {
            consumed = window.GetPosition(1, lineFeed);
            if (_skipping)
            {
                _skipping = false;
                fault = LineFault.TooLong;
                return true;
            }

            var text = window.Slice(0, lineFeed);
            if (text.Length == 0 || LastOctet(text) != (byte)'\r')
            {
                fault = LineFault.BareLineFeed;
                return true;
            }

            line = text.Slice(0, text.Length - 1);
            return true;
        }

        if (_skipping || buffer.Length >= lineOctetsMax)
        {
            if (buffer.Length > window.Length)
            {
                // The line is too long, and its end may already be in the buffer.
                _skipping = true;
                return TryRead(buffer, lineOctetsMax, out line, out consumed, out fault);
            }

            _skipping = true;
            consumed = buffer.End;
        }

        return false;
    }

    private static byte LastOctet(in ReadOnlySequence<byte> text) =>
        text.IsSingleSegment ? text.FirstSpan[^1] : text.Slice(text.Length - 1).FirstSpan[0];
}
