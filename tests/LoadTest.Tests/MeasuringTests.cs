using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.LoadTest.Tests;

public sealed class MeasuringTests
{
    [Fact]
    public void Percentiles_are_those_of_the_sorted_values_and_at_most_a_64th_too_great()
    {
        var random = new Random(3);
        var values = Enumerable.Range(0, 50_000)
            .Select(_ => (long)Math.Exp(random.NextDouble() * 20)).Order().ToArray();
        var histogram = new LatencyHistogram();
        foreach (var value in values)
        {
            histogram.Record(value * 1000);
        }

        foreach (var share in new[] { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 })
        {
            var exact = values[(int)Math.Ceiling(share * values.Length) - 1];
            Assert.InRange(histogram.Percentile(share), exact, exact + (exact / 64) + 1);
        }

        Assert.Equal(values.Length, histogram.Recorded().Sum(bucket => bucket.Count));
        var bounds = histogram.Recorded().Select(bucket => bucket.UpTo).ToArray();
        Assert.Equal(bounds.Order(), bounds);
        Assert.Equal(histogram.Percentile(0.001), histogram.Recorded()
            .First(bucket => histogram.Recorded().Where(other => other.UpTo <= bucket.UpTo).Sum(other => other.Count)
                >= values.Length * 0.001).UpTo);
        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values.Sum(), histogram.Sum);
    }

    [Fact]
    public void Two_histograms_added_are_one_of_all_values()
    {
        var one = new LatencyHistogram();
        var other = new LatencyHistogram();
        one.Record(5_000_000);
        other.Record(900_000_000);
        one.Add(other);
        Assert.Equal(2, one.Count);
        Assert.Equal(900_000, one.Percentile(1));
        Assert.InRange(one.Percentile(0.5), 5_000, 5_100);
    }

    [Fact]
    public void A_generator_without_rest_says_that_it_is_the_bottleneck()
    {
        RunSecond Second(int at, double busy, long lag) => new(at, [], 1, busy, lag, double.NaN, 0);

        var calm = Enumerable.Range(0, 20).Select(at => Second(at, 0.5, 100)).ToArray();
        var full = Enumerable.Range(0, 20).Select(at => Second(at, 0.98, 100)).ToArray();
        var late = Enumerable.Range(0, 20).Select(at => Second(at, 0.5, 300_000)).ToArray();
        Assert.Empty(Bottleneck.Find(calm, [], []));
        Assert.Contains("was the bottleneck", Assert.Single(Bottleneck.Find(full, [], [])), StringComparison.Ordinal);
        Assert.Contains("up to 300 ms late", Assert.Single(Bottleneck.Find(late, [], [])), StringComparison.Ordinal);
        Assert.Contains("for want of ports", Assert.Single(Bottleneck.Find(
            calm, [], [new ReasonCount("a", "CONNECT", "no free port here", 3)])), StringComparison.Ordinal);
        Assert.Contains("did not begin", Assert.Single(Bottleneck.Find(
            calm, [new OperationTotal("a", ClientKind.Pop3, 10, 5, 0, 5, 0, 0, new LatencyHistogram())], [])),
            StringComparison.Ordinal);
    }
}
