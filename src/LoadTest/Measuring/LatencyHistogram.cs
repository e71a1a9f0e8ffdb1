using System.Numerics;

namespace MailCluster.LoadTest.Measuring;

/// <summary>
/// Counts durations from 1 µs to 1 h in buckets that are at most 1/64 of their value wide, so that a percentile read
/// from it is at most 1.6 % too great. Recording is an increment.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBits = 6;
    private const int SubCount = 1 << SubBits;
    private const long MicrosecondsMax = 3_600_000_000;

    private static readonly int Buckets = IndexOf(MicrosecondsMax) + 1;

    private readonly long[] _counts = new long[Buckets];

    public long Count { get; private set; }

    /// <summary>Microseconds, exact.</summary>
    public long Max { get; private set; }

    /// <summary>Microseconds, exact.</summary>
    public long Sum { get; private set; }

    public void Record(long nanoseconds)
    {
        var microseconds = Math.Clamp(nanoseconds / 1000, 0, MicrosecondsMax);
        _counts[IndexOf(microseconds)]++;
        Count++;
        Sum += microseconds;
        Max = Math.Max(Max, microseconds);
    }

    public void Add(LatencyHistogram other)
    {
        for (var index = 0; index < _counts.Length; index++)
        {
            _counts[index] += other._counts[index];
        }

        Count += other.Count;
        Sum += other.Sum;
        Max = Math.Max(Max, other.Max);
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        Sum = 0;
        Max = 0;
    }

    /// <summary>Microseconds that a share (0 to 1) of what was recorded took at most; 0: nothing was.</summary>
    public long Percentile(double share)
    {
        if (Count == 0)
        {
            return 0;
        }

        var wanted = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (var index = 0; index < _counts.Length; index++)
        {
            seen += _counts[index];
            if (seen >= wanted)
            {
                return Math.Min(HighestOf(index), Max);
            }
        }

        return Max;
    }

    /// <summary>What was recorded, in order: microseconds at most, and how many.</summary>
    public IEnumerable<(long UpTo, long Count)> Recorded()
    {
        for (var index = 0; index < _counts.Length; index++)
        {
            if (_counts[index] > 0)
            {
                yield return (HighestOf(index), _counts[index]);
            }
        }
    }

    private static int IndexOf(long microseconds)
    {
        if (microseconds < SubCount)
        {
            return (int)microseconds;
        }

        var shift = BitOperations.Log2((ulong)microseconds) - SubBits;
        return ((shift + 1) << SubBits) + (int)((microseconds >> shift) - SubCount);
    }

    private static long HighestOf(int index)
    {
        if (index < SubCount)
        {
            return index;
        }

        var shift = (index >> SubBits) - 1;
        return (((long)(index & (SubCount - 1)) + SubCount + 1) << shift) - 1;
    }
}
