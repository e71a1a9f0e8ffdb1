using MailCluster.Shared.Pop3;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// TOP (RFC 1939 §7) over any octets: the first octet is the number of lines, the second the size of the pieces.
/// However a message is cut, what is taken is what a line-by-line reading takes.
/// </summary>
public sealed class Pop3TopTarget : IFuzzTarget
{
    public static string Name => "pop3-top";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        if (input.Length < 2)
        {
            return;
        }

        var lines = input[0] % 8;
        var size = (input[1] % 16) + 1;
        var message = input[2..];
        var limiter = new TopLimiter(lines);
        var taken = 0;
        while (taken < message.Length)
        {
            var piece = message.Slice(taken, Math.Min(size, message.Length - taken));
            var count = limiter.Take(piece);
            Check.That(count <= piece.Length && (count == piece.Length || limiter.IsDone),
                "all is taken up to the end");
            taken += count;
            if (count < piece.Length)
            {
                break;
            }
        }

        Check.That(taken == Expected(message, lines), "header, blank line and so many lines");
    }

    private static int Expected(ReadOnlySpan<byte> message, int lines)
    {
        var at = 0;
        var isBody = false;
        while (at < message.Length && !(isBody && lines == 0))
        {
            var end = message[at..].IndexOf((byte)'\n');
            var line = end < 0 ? message[at..] : message.Slice(at, end + 1);
            lines -= isBody ? 1 : 0;
            isBody |= line.SequenceEqual("\n"u8) || line.SequenceEqual("\r\n"u8);
            at += line.Length;
        }

        return at;
    }
}
