namespace MailCluster.Frontend.Observability;

/// <summary>
/// One combination of tags of one instrument: what the hot path adds to, without a lock and without an allocation.
/// </summary>
/// <param name="labels">
/// Rendered once: <c>protocol="smtp",reason="quit"</c>, sorted by name; empty without tags.
/// </param>
/// <param name="bounds">Upper bounds of a histogram, ascending; empty otherwise.</param>
internal sealed class MetricSeries(string labels, double[] bounds)
{
    private readonly long[] _buckets = bounds.Length == 0 ? [] : new long[bounds.Length + 1];
    private long _whole;
    private double _fraction;

    public string Labels { get; } = labels;

    /// <summary>
    /// The scrape in which an observable instrument last said this series; what it no longer says is not exported.
    /// </summary>
    public long SeenIn { get; set; }

    public double Value => Volatile.Read(ref _whole) + Volatile.Read(ref _fraction);

    public void Add(long value) => Interlocked.Add(ref _whole, value);

    public void Add(double value)
    {
        var seen = Volatile.Read(ref _fraction);
        double next;
        while ((next = Interlocked.CompareExchange(ref _fraction, seen + value, seen)) != seen && !double.IsNaN(seen))
        {
            seen = next;
        }
    }

    public void Set(double value)
    {
        Volatile.Write(ref _whole, 0);
        Volatile.Write(ref _fraction, value);
    }

    public void Record(double value)
    {
        var index = 0;
        while (index < bounds.Length && value > bounds[index])
        {
            index++;
        }

        Interlocked.Increment(ref _buckets[index]);
        Add(value);
    }

    /// <summary>Observations in bucket <paramref name="index"/> alone; the last one is above every bound.</summary>
    public long Bucket(int index) => Volatile.Read(ref _buckets[index]);
}
