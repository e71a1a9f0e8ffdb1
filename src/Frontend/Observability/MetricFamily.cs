using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Observability;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>
/// One instrument as Prometheus sees it. Looking a series up compares tag values only; the labels' text is made once,
/// when a combination first appears. Combinations are bounded: beyond <see cref="SeriesMax"/> all new ones share one
/// series.
/// </summary>
internal sealed class MetricFamily
{
    /// <summary>
    /// Tags come from closed sets, the largest of which (protocol × end reason) has some 60 combinations.
    /// </summary>
    public const int SeriesMax = 1000;

    private static readonly double[] DefaultBounds =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly Lock _gate = new();
    private readonly double[] _bounds;
    private readonly MetricSeries _untagged;
    private Slot?[] _slots = new Slot?[16];
    private int _slotCount;
    private MetricSeries[] _series = [];
    private MetricSeries? _overflow;

    private sealed record Slot(KeyValuePair<string, object?>[] Tags, int Hash, MetricSeries Series);

    public MetricFamily(Instrument instrument)
    {
        Instrument = instrument;
        Kind = KindOf(instrument);
        Name = NameOf(instrument, Kind);
        IsGauge = instrument.GetType() is { IsGenericType: true } type
            && type.GetGenericTypeDefinition() == typeof(Gauge<>);
        _bounds = Kind == MetricKind.Histogram ? BoundsOf(instrument) : [];
        _untagged = new MetricSeries("", _bounds);
    }

    public Instrument Instrument { get; }

    public MetricKind Kind { get; }

    public string Name { get; }

    public bool IsObservable => Instrument.IsObservable;

    /// <summary>A measurement is a level (Gauge), not a change (UpDownCounter).</summary>
    public bool IsGauge { get; }

    /// <summary>
    /// For the documentation as well as for /metrics: <c>a.b.c</c> with unit s as a counter is
    /// <c>a_b_c_seconds_total</c>.
    /// </summary>
    public static string NameOf(Instrument instrument, MetricKind kind)
    {
        var name = new StringBuilder(instrument.Name.Length + 16);
        foreach (var character in instrument.Name)
        {
            name.Append(char.IsAsciiLetterOrDigit(character) ? character : '_');
        }

        var unit = instrument.Unit switch
        {
            null or "" or "1" => "",
            "s" => "seconds",
            "By" => "bytes",
            ['{', ..] => "",
            var other => other,
        };
        var text = name.ToString();
        if (unit.Length > 0 && !text.EndsWith("_" + unit, StringComparison.Ordinal))
        {
            text = $"{text}_{unit}";
        }

        return kind == MetricKind.Counter && !text.EndsWith("_total", StringComparison.Ordinal) ? $"{text}_total"
            : text;
    }

    public static MetricKind KindOf(Instrument instrument)
    {
        var type = instrument.GetType();
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return definition == typeof(Histogram<>) ? MetricKind.Histogram
            : definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>) ? MetricKind.Counter
            : MetricKind.Gauge;
    }

    public MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return _untagged;
        }

        var hash = HashOf(tags);
        var slots = Volatile.Read(ref _slots);
        for (var index = hash & (slots.Length - 1); slots[index] is { } slot; index = (index + 1) & (slots.Length - 1))
        {
            if (slot.Hash == hash && AreSame(slot.Tags, tags))
            {
                return slot.Series;
            }
        }

        return Add(tags, hash);
    }

    /// <summary>HELP, TYPE and samples in text format 0.0.4; nothing when nothing was ever measured.</summary>
    /// <param name="scrape">Series of observable instruments that were not seen in it are left out.</param>
    public void Write(StringBuilder output, long scrape)
    {
        var series = Volatile.Read(ref _series);
        PrometheusText.Header(output, Name, Instrument.Description, Kind);
        if (series.Length == 0 && (!IsObservable || _untagged.SeenIn == scrape))
        {
            Write(output, _untagged);
        }

        foreach (var one in series)
        {
            if (!IsObservable || one.SeenIn == scrape)
            {
                Write(output, one);
            }
        }
    }

    private static int HashOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = 17;
        foreach (var (_, value) in tags)
        {
            hash = (hash * 31) + (value?.GetHashCode() ?? 0);
        }

        return hash;
    }

    private static bool AreSame(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (known.Length != tags.Length)
        {
            return false;
        }

        for (var index = 0; index < known.Length; index++)
        {
            if (!Equals(known[index].Value, tags[index].Value) || known[index].Key != tags[index].Key)
            {
                return false;
            }
        }

        return true;
    }

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        _ => DefaultBounds,
    };

    private MetricSeries Add(ReadOnlySpan<KeyValuePair<string, object?>> tags, int hash)
    {
        var labels = PrometheusText.Labels(tags);
        lock (_gate)
        {
            // The same tags in another order, or a race: the labels decide.
            var series = Array.Find(_series, one => one.Labels == labels);
            if (series is null && _series.Length >= SeriesMax)
            {
                return _overflow ??= NewSeries("overflow=\"true\"");
            }

            series ??= NewSeries(labels);
            if (_slotCount < 4 * SeriesMax)
            {
                Insert(new Slot(tags.ToArray(), hash, series));
            }

            return series;
        }
    }

    private MetricSeries NewSeries(string labels)
    {
        var series = new MetricSeries(labels, _bounds);
        Volatile.Write(ref _series, [.. _series, series]);
        return series;
    }

    /// <summary>
    /// Copies when half full, so that a reader always meets a free slot; readers see the old or the new table whole.
    /// </summary>
    private void Insert(Slot slot)
    {
        var slots = _slots;
        if (2 * (_slotCount + 1) > slots.Length)
        {
            slots = new Slot?[slots.Length * 2];
            foreach (var old in _slots)
            {
                if (old is not null)
                {
                    Place(slots, old);
                }
            }
        }

        Place(slots, slot);
        _slotCount++;
        Volatile.Write(ref _slots, slots);

        static void Place(Slot?[] table, Slot one)
        {
            var index = one.Hash & (table.Length - 1);
            while (table[index] is not null)
            {
                index = (index + 1) & (table.Length - 1);
            }

            Volatile.Write(ref table[index], one);
        }
    }

    private void Write(StringBuilder output, MetricSeries series)
    {
        if (Kind != MetricKind.Histogram)
        {
            PrometheusText.Sample(output, Name, series.Labels, series.Value);
            return;
        }

        var total = 0L;
        for (var index = 0; index <= _bounds.Length; index++)
        {
            total += series.Bucket(index);
            var bound = index < _bounds.Length ? _bounds[index].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
            var separator = series.Labels.Length > 0 ? "," : "";
            PrometheusText.Sample(output, $"{Name}_bucket", $"{series.Labels}{separator}le=\"{bound}\"", total);
        }

        PrometheusText.Sample(output, $"{Name}_sum", series.Labels, series.Value);
        PrometheusText.Sample(output, $"{Name}_count", series.Labels, total);
    }
}
