using System.Diagnostics.Metrics;
using System.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>
/// Listens to every instrument of meter "MailCluster" of one node and writes them as Prometheus text. The instrument's
/// state is its family, so a measurement finds its series by its tags alone.
/// </summary>
internal sealed class PrometheusExporter : IDisposable
{
    public const string MeterName = "MailCluster";

    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private long _scrape;

    /// <param name="meters">Only its meters: several nodes in one process keep their figures apart.</param>
    public PrometheusExporter(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == MeterName
                && (instrument.Meter.Scope is null || ReferenceEquals(instrument.Meter.Scope, meters)))
            {
                listener.EnableMeasurementEvents(instrument, Publish(instrument));
            }
        };
        _listener.SetMeasurementEventCallback<long>(
            (_, value, tags, state) => Measure((MetricFamily)state!, value, tags));
        _listener.SetMeasurementEventCallback<int>(
            (_, value, tags, state) => Measure((MetricFamily)state!, (long)value, tags));
        _listener.SetMeasurementEventCallback<double>(
            (_, value, tags, state) => Measure((MetricFamily)state!, value, tags));
        _listener.SetMeasurementEventCallback<float>(
            (_, value, tags, state) => Measure((MetricFamily)state!, (double)value, tags));
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>Everything that /metrics can say, by name: what is known so far, and the process.</summary>
    public IReadOnlyList<(string Name, MetricKind Kind, string Help)> Catalog()
    {
        lock (_gate)
        {
            return
            [
                .. _families.Values.Select(family => (family.Name, family.Kind, family.Instrument.Description ?? "")),
                .. ProcessMetrics.Singles.Select(single => (single.Name, single.Kind, single.Help)),
                (ProcessMetrics.Collections, MetricKind.Counter, ProcessMetrics.CollectionsHelp),
                (ProcessMetrics.Build, MetricKind.Gauge, ProcessMetrics.BuildHelp),
            ];
        }
    }

    public string Write()
    {
        // One scrape at a time: observable instruments are asked once for each.
        lock (_gate)
        {
            _scrape++;
            _listener.RecordObservableInstruments();
            var output = new StringBuilder(16 * 1024);
            foreach (var family in _families.Values)
            {
                family.Write(output, _scrape);
            }

            ProcessMetrics.Write(output);
            return output.ToString();
        }
    }

    private MetricFamily Publish(Instrument instrument)
    {
        lock (_gate)
        {
            var family = new MetricFamily(instrument);
            // Two instruments of one name (a meter made twice) add to one family: a name may stand once in the text.
            return _families.TryAdd(family.Name, family) ? family : _families[family.Name];
        }
    }

    private void Measure(MetricFamily family, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = family.Find(tags);
        if (family.Kind != MetricKind.Histogram && !IsLevel(family))
        {
            series.Add(value);
            return;
        }

        Measure(family, series, value);
    }

    private void Measure(MetricFamily family, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = family.Find(tags);
        if (family.Kind != MetricKind.Histogram && !IsLevel(family))
        {
            series.Add(value);
            return;
        }

        Measure(family, series, value);
    }

    private void Measure(MetricFamily family, MetricSeries series, double value)
    {
        if (family.Kind == MetricKind.Histogram)
        {
            series.Record(value);
        }
        else
        {
            series.Set(value);
            series.SeenIn = _scrape;
        }
    }

    /// <summary>Said as it is, not as a change.</summary>
    private static bool IsLevel(MetricFamily family) => family.IsObservable || family.IsGauge;
}
