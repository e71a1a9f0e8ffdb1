namespace MailCluster.Shared.Limits;

/// <summary>
/// Never more than a limit in any 60 s (OXSMTP-EV-08). Counts are kept per second; the running second and the 60
/// before it count whole, so what was taken is free again after 60 s, at most a second later. Octets: none before the
/// first use, then 8 per second in which something was taken, 512 at most. A mutable value: keep it in a field.
/// </summary>
public struct SlidingWindow
{
    private const int Buckets = 61;
    private const int FirstBuckets = 2;

    /// <summary>A ring of the seconds with something in them, oldest at <c>_first</c>.</summary>
    private Bucket[]? _ring;
    private byte _first;
    private byte _count;
    private int _taken;

    /// <summary>Takes one if the window has room; a refusal does not count.</summary>
    /// <param name="second">Of a clock that does not go back; one that does is taken to stand still.</param>
    /// <param name="limit">At least 1; may change from call to call.</param>
    public bool TryTake(uint second, int limit)
    {
        DropBefore(second);
        if (_taken >= limit)
        {
            return false;
        }

        if (_count > 0 && Newest.Second >= second)
        {
            Newest.Taken++;
        }
        else
        {
            Append(second);
        }

        _taken++;
        return true;
    }

    /// <summary>Nothing in it counts any more.</summary>
    public readonly bool IsEmptyAt(uint second) => _count == 0 || IsOut(_ring![At(_count - 1)].Second, second);

    private readonly ref Bucket Newest => ref _ring![At(_count - 1)];

    private static bool IsOut(uint bucket, uint second) => second > bucket && second - bucket >= Buckets;

    private readonly int At(int index) => (_first + index) % _ring!.Length;

    private void DropBefore(uint second)
    {
        while (_count > 0 && IsOut(_ring![_first].Second, second))
        {
            _taken -= _ring[_first].Taken;
            _first = (byte)At(1);
            _count--;
        }
    }

    private void Append(uint second)
    {
        if (_ring is null || _count == _ring.Length)
        {
            var wider = new Bucket[Math.Clamp(_count * 2, FirstBuckets, Buckets)];
            for (var i = 0; i < _count; i++)
            {
                wider[i] = _ring![At(i)];
            }

            _ring = wider;
            _first = 0;
        }

        _count++;
        Newest = new Bucket { Second = second, Taken = 1 };
    }

    private struct Bucket
    {
        public uint Second;
        public int Taken;
    }
}
