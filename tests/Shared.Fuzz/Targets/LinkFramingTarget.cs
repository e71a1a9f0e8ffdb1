using System.Buffers;
using System.Text;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>Frames between nodes: the same in every split, none above the limit, each the octets it came as.</summary>
public sealed class LinkFramingTarget : IFuzzTarget
{
    private const int Max = 64;

    public static string Name => "link-framing";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var octets = input.ToArray();
        var whole = Frames(new ReadOnlySequence<byte>(octets), octets);
        Check.That(
            whole == Frames(SegmentSplitter.BytePerSegment(input), octets), "every split gives the same frames");
    }

    private static string Frames(ReadOnlySequence<byte> buffer, byte[] octets)
    {
        var frames = new StringBuilder();
        var header = new byte[LinkFraming.HeaderOctets];
        while (true)
        {
            var left = buffer.Length;
            var result = LinkFraming.Read(ref buffer, Max, out var kind, out var message);
            if (result != FramingResult.Frame)
            {
                Check.That(buffer.Length == left, "what is no frame is not taken");
                Check.That(
                    result != FramingResult.Incomplete || left < LinkFraming.HeaderOctets + Max,
                    "what is waited for fits the limit");
                return frames.Append(result).ToString();
            }

            Check.That(message.Length <= Max, "a message fits the limit");
            LinkFraming.WriteHeader(header, kind, (int)message.Length);
            var from = octets.Length - (int)left;
            Check.That(
                octets.AsSpan(from, header.Length).SequenceEqual(header)
                    && octets.AsSpan(from + header.Length, (int)message.Length).SequenceEqual(message.ToArray()),
                "a frame is written as it was read");
            frames.Append(kind).Append(' ').Append(message.Length).Append('\n');
        }
    }
}
