namespace MailCluster.Shared.Pop3;

/// <summary>
/// How much of a stored message TOP sends (RFC 1939 §7): the header, the blank line, and k lines of the body
/// (STANXPOP3-V0007). A line ends at LF, with or without CR before it, because either is sent as CRLF.
/// </summary>
/// <param name="bodyLines">At least 0; null: all of the message (RETR).</param>
public struct TopLimiter(int? bodyLines)
{
    private readonly bool _isLimited = bodyLines is not null;
    private int _linesLeft = bodyLines ?? 0;
    private bool _inBody;
    private LinePlace _place;

    private enum LinePlace : byte
    {
        Start,
        StartCr,
        Inside,
    }

    /// <summary>Nothing that follows belongs to the answer.</summary>
    public readonly bool IsDone => _isLimited && _inBody && _linesLeft == 0;

    /// <summary>How many octets of the next piece, of whatever length, belong to the answer.</summary>
    public int Take(ReadOnlySpan<byte> input)
    {
        if (!_isLimited)
        {
            return input.Length;
        }

        var taken = 0;
        while (taken < input.Length && !IsDone)
        {
            var rest = input[taken..];
            var lineFeed = rest.IndexOf((byte)'\n');
            var line = lineFeed < 0 ? rest : rest[..lineFeed];
            if (!line.IsEmpty)
            {
                _place = _place == LinePlace.Start && line.SequenceEqual("\r"u8) ? LinePlace.StartCr : LinePlace.Inside;
            }

            taken += line.Length;
            if (lineFeed >= 0)
            {
                taken++;
                EndLine();
            }
        }

        return taken;
    }

    private void EndLine()
    {
        if (_inBody)
        {
            _linesLeft--;
        }
        else
        {
            _inBody = _place != LinePlace.Inside;
        }

        _place = LinePlace.Start;
    }
}
