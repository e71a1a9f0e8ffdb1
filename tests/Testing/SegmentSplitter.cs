using System.Buffers;

namespace MailCluster.Testing;

/// <summary>The same octets in other segments: what a reader gives must not depend on how they came.</summary>
public static class SegmentSplitter
{
    /// <summary>Every octet in a segment of its own.</summary>
    public static ReadOnlySequence<byte> BytePerSegment(ReadOnlySpan<byte> octets)
    {
        var sizes = new int[octets.Length];
        Array.Fill(sizes, 1);
        return Split(octets, sizes);
    }

    /// <param name="sizes">Octets of each segment, which may be 0; what is left makes one more.</param>
    public static ReadOnlySequence<byte> Split(ReadOnlySpan<byte> octets, ReadOnlySpan<int> sizes)
    {
        var first = new Segment(ReadOnlyMemory<byte>.Empty, 0);
        var last = first;
        foreach (var size in sizes)
        {
            last = last.Append(octets[..size].ToArray());
            octets = octets[size..];
        }

        if (octets.Length > 0)
        {
            last = last.Append(octets.ToArray());
        }

        return new(first, 0, last, last.Memory.Length);
    }

    /// <summary>Segments of 1..max octets.</summary>
    public static ReadOnlySequence<byte> SplitAtRandom(ReadOnlySpan<byte> octets, Random random, int max)
    {
        var sizes = new List<int>();
        for (var left = octets.Length; left > 0; left -= sizes[^1])
        {
            sizes.Add(Math.Min(left, random.Next(1, max + 1)));
        }

        return Split(octets, sizes.ToArray());
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
