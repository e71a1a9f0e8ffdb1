using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Refusals that are answered again without an ask, so that a flood from a source that has all its permits stays at the
/// edge. One ends when a permit of its source is given back, or by age.
/// </summary>
internal sealed class Refusals(SourceLimitOptions options, TimeProvider time, HomeKey.Comparer comparer)
{
    /// <summary>
    /// Sources share counters of what was given back. Another's release then costs one ask; more of them would not
    /// be noticed.
    /// </summary>
    private const int Stripes = 4096;

    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private readonly long[] _freed = new long[Stripes];
    private readonly ExpiringMap<Key, Refusal> _refusals =
        new(options.RefusalsMax, options.RefusalLifetime.Ticks, new KeyComparer(comparer));

    private long Now => time.GetElapsedTime(_started).Ticks;

    /// <summary>Read before an ask, for <see cref="Add"/>: tells whether something was given back since.</summary>
    public long Freed(HomeKey source) => Volatile.Read(ref StripeOf(source));

    /// <summary>After the home was told, so that an ask which comes later finds the place free.</summary>
    public void Free(HomeKey source) => Interlocked.Increment(ref StripeOf(source));

    /// <summary>True: an ask would be refused. One with a higher limit than was refused might not be.</summary>
    public bool Answers(string binding, HomeKey source, int limit)
    {
        lock (_gate)
        {
            return _refusals.Count > 0
                && _refusals.TryGet(new Key(binding, source), Now, out var refusal)
                && limit <= refusal.Limit
                && refusal.Freed == Freed(source);
        }
    }

    public void Add(string binding, HomeKey source, int limit, long freed)
    {
        lock (_gate)
        {
            _refusals.Set(new Key(binding, source), new Refusal(limit, freed), Now);
        }
    }

    private ref long StripeOf(HomeKey source) => ref _freed[comparer.GetHashCode(source) & (Stripes - 1)];

    private readonly record struct Key(string Binding, HomeKey Source);

    /// <param name="Limit">What it was refused at.</param>
    /// <param name="Freed">The source's counter before the ask.</param>
    private readonly record struct Refusal(int Limit, long Freed);

    private sealed class KeyComparer(HomeKey.Comparer homes) : IEqualityComparer<Key>
    {
        public bool Equals(Key x, Key y) => homes.Equals(x.Source, y.Source) && x.Binding == y.Binding;

        public int GetHashCode(Key key) => homes.GetHashCode(key.Source);
    }
}
