using System.Buffers;
using System.Text;
using MailCluster.Shared.Wire;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>RFC 5321 §2.3.8: the same lines in every split, none longer than the limit.</summary>
public sealed class LineFramerTarget : IFuzzTarget
{
    private const int Max = 64;

    public static string Name => "line-framer";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var whole = Frame(new ReadOnlySequence<byte>(input.ToArray()));
        Check.That(whole == Frame(SegmentSplitter.BytePerSegment(input)), "every split gives the same lines");
    }

    private static string Frame(ReadOnlySequence<byte> buffer)
    {
        var framer = new LineFramer();
        var lines = new StringBuilder();
        while (true)
        {
            var isRead = framer.TryRead(buffer, Max, out var line, out var consumed, out var fault);
            buffer = buffer.Slice(consumed);
            if (!isRead)
            {
                Check.That(buffer.Length < Max, "what is left fits the limit");
                return lines.ToString();
            }

            Check.That(line.Length <= Max - 2, "a line fits its limit");
            Check.That(line.PositionOf((byte)'\n') is null, "a line has no LF");
            lines.Append(fault).Append(' ').AppendLine(OctetText.Show(line.ToArray()));
        }
    }
}
