using System.Diagnostics.Metrics;
using MailCluster.Frontend.Observability;
using Microsoft.Extensions.DependencyInjection;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Frontend.Tests.Observability;

public sealed class PrometheusExporterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly PrometheusExporter _exporter;
    private readonly Meter _meter;

    public PrometheusExporterTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _exporter = new PrometheusExporter(meters);
        _meter = meters.Create("MailCluster");
    }

    public void Dispose()
    {
        _exporter.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void A_counter_has_help_type_unit_and_total()
    {
        var counter = _meter.CreateCounter<long>("mailcluster.smtp.octets", "By", "Octets\nin \\ out.");
        counter.Add(3, Tag("verdict", "accepted"));
        counter.Add(4, Tag("verdict", "accepted"));
        counter.Add(1, Tag("verdict", "a\"b\\c\nd"));

        Assert.Equal(
            [
                "# HELP mailcluster_smtp_octets_bytes_total Octets\\nin \\\\ out.",
                "# TYPE mailcluster_smtp_octets_bytes_total counter",
                "mailcluster_smtp_octets_bytes_total{verdict=\"accepted\"} 7",
                "mailcluster_smtp_octets_bytes_total{verdict=\"a\\\"b\\\\c\\nd\"} 1",
            ],
            Lines("mailcluster_smtp_octets"));
    }

    [Fact]
    public void The_order_of_tags_does_not_make_a_series()
    {
        var counter = _meter.CreateCounter<int>("mailcluster.a");
        counter.Add(1, Tag("x", "1"), Tag("y", "2"));
        counter.Add(1, Tag("y", "2"), Tag("x", "1"));

        Assert.Contains("mailcluster_a_total{x=\"1\",y=\"2\"} 2", Lines("mailcluster_a_total"));
    }

    [Fact]
    public void An_up_down_counter_is_a_gauge_and_goes_down()
    {
        var open = _meter.CreateUpDownCounter<long>("mailcluster.edge.connections", "{connection}", "Open.");
        open.Add(5);
        open.Add(-2);

        Assert.Contains("# TYPE mailcluster_edge_connections gauge", Lines("mailcluster_edge"));
        Assert.Contains("mailcluster_edge_connections 3", Lines("mailcluster_edge"));
    }

    [Fact]
    public void A_histogram_counts_upwards_and_includes_its_bounds()
    {
        var histogram = _meter.CreateHistogram("mailcluster.wait", "s", "Wait.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1] });
        foreach (var seconds in (ReadOnlySpan<double>)[0.25, 0.5, 0.75, 8])
        {
            histogram.Record(seconds, Tag("p", "smtp"));
        }

        Assert.Equal(
            [
                "# HELP mailcluster_wait_seconds Wait.",
                "# TYPE mailcluster_wait_seconds histogram",
                "mailcluster_wait_seconds_bucket{p=\"smtp\",le=\"0.5\"} 2",
                "mailcluster_wait_seconds_bucket{p=\"smtp\",le=\"1\"} 3",
                "mailcluster_wait_seconds_bucket{p=\"smtp\",le=\"+Inf\"} 4",
                "mailcluster_wait_seconds_sum{p=\"smtp\"} 9.5",
                "mailcluster_wait_seconds_count{p=\"smtp\"} 4",
            ],
            Lines("mailcluster_wait"));
    }

    [Fact]
    public void An_observable_series_that_is_not_said_any_more_is_gone()
    {
        var lanes = new List<string> { "a", "b" };
        _meter.CreateObservableGauge(
            "mailcluster.lane", () => lanes.Select(lane => new Measurement<long>(7, Tag("lane", lane))));

        Assert.Equal(2, Lines("mailcluster_lane{").Count);
        lanes.Remove("b");
        Assert.Equal(["mailcluster_lane{lane=\"a\"} 7"], Lines("mailcluster_lane{"));
    }

    [Fact]
    public void Another_nodes_instruments_are_not_exported()
    {
        using var others = new ServiceCollection().AddMetrics().BuildServiceProvider();
        others.GetRequiredService<IMeterFactory>().Create("MailCluster").CreateCounter<long>("mailcluster.other")
            .Add(1);
        _meter.CreateCounter<long>("mailcluster.own").Add(1);

        Assert.Empty(Lines("mailcluster_other"));
        Assert.NotEmpty(Lines("mailcluster_own"));
    }

    [Fact]
    public void Series_are_bounded_and_nothing_is_lost()
    {
        var counter = _meter.CreateCounter<long>("mailcluster.flood");
        for (var number = 0; number < MetricFamily.SeriesMax + 500; number++)
        {
            counter.Add(1, Tag("tag", $"{number}"));
        }

        Assert.Equal(MetricFamily.SeriesMax + 1, Lines("mailcluster_flood_total{").Count);
        Assert.Contains("mailcluster_flood_total{overflow=\"true\"} 500", Lines("mailcluster_flood_total{"));
    }

    [Fact]
    public void A_known_combination_of_tags_allocates_nothing()
    {
        var counter = _meter.CreateCounter<long>("mailcluster.hot");
        var histogram = _meter.CreateHistogram<double>("mailcluster.hot.wait", "s");
        Measure(100);

        Assert.Equal(0, SteadyState.AllocatedBy(() => Measure(10_000)));

        void Measure(int times)
        {
            for (var time = 0; time < times; time++)
            {
                counter.Add(1, Tag("protocol", "smtp"), Tag("class", time % 2 == 0 ? "2" : "5"));
                histogram.Record(0.01 * time, Tag("protocol", "smtp"));
            }
        }
    }

    [Fact]
    public void Nothing_is_lost_when_many_threads_meet_a_new_tag()
    {
        var counter = _meter.CreateCounter<long>("mailcluster.race");
        Parallel.For(0, 8, _ =>
        {
            for (var number = 0; number < 10_000; number++)
            {
                counter.Add(1, Tag("tag", $"{number % 50}"));
            }
        });

        var sum = Lines("mailcluster_race_total{")
            .Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], provider: null));
        Assert.Equal(80_000, sum);
        Assert.Equal(50, Lines("mailcluster_race_total{").Count);
    }

    [Fact]
    public void The_process_is_described()
    {
        var text = _exporter.Write();

        foreach (var (name, _, _, _) in ProcessMetrics.Singles)
        {
            Assert.Matches($"(?m)^{name} [0-9.E+-]+$", text);
        }

        Assert.Matches("(?m)^mailcluster_build_info\\{version=\"[0-9.]+.*\"\\} 1$", text);
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private List<string> Lines(string start) =>
        [.. _exporter.Write().Split('\n').Where(line => line.StartsWith(start, StringComparison.Ordinal)
            || line.StartsWith($"# HELP {start}", StringComparison.Ordinal)
                || line.StartsWith($"# TYPE {start}", StringComparison.Ordinal))];
}
