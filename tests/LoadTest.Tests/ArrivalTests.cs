using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.LoadTest.Tests;

public sealed class ArrivalTests
{
    [Fact]
    public void Poisson_arrivals_have_the_rate_and_the_scatter_of_their_law()
    {
        var times = Times(ArrivalKind.Poisson, 1, TimeSpan.FromSeconds(1000), (1000, 100));
        Assert.InRange(times.Count, 100_000 - 1600, 100_000 + 1600); // five standard deviations
        var counts = times.GroupBy(time => (int)time).Select(second => second.Count()).ToArray();
        var mean = counts.Average();
        var variance = counts.Average(count => (count - mean) * (count - mean));
        Assert.InRange(variance / mean, 0.75, 1.25); // of a Poisson law both are the same
        Assert.True(times.Zip(times.Skip(1)).All(pair => pair.First <= pair.Second));
    }

    [Fact]
    public void Even_arrivals_are_equally_far_apart()
    {
        var times = Times(ArrivalKind.Even, 1, TimeSpan.FromSeconds(10), (10, 50));
        Assert.InRange(times.Count, 499, 500);
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.Equal(0.02, pair.Second - pair.First, 6));
    }

    [Fact]
    public void Bursts_come_at_once_and_keep_the_rate()
    {
        var times = Times(ArrivalKind.Bursts, 25, TimeSpan.FromSeconds(2000), (2000, 50));
        Assert.InRange(times.Count, 100_000 - 8000, 100_000 + 8000);
        Assert.All(times.Chunk(25), burst => Assert.Single(burst.Distinct()));
    }

    [Fact]
    public void Steps_are_stretched_to_the_run_and_each_has_its_rate()
    {
        var times = Times(ArrivalKind.Even, 1, TimeSpan.FromSeconds(60), (10, 100), (10, 300), (10, 0), (10, 100));
        int Between(double from, double to) => times.Count(time => time >= from && time < to);

        Assert.InRange(Between(0, 15), 1498, 1502);
        Assert.InRange(Between(15, 30), 4498, 4502);
        Assert.Equal(0, Between(30.001, 45));
        Assert.InRange(Between(45, 60), 1497, 1502);
    }

    [Fact]
    public void The_same_seed_gives_the_same_arrivals() =>
        Assert.Equal(
            Times(ArrivalKind.Poisson, 1, TimeSpan.FromSeconds(5), (5, 100)),
            Times(ArrivalKind.Poisson, 1, TimeSpan.FromSeconds(5), (5, 100)));

    [Fact]
    public void Sizes_follow_their_histogram()
    {
        var plan = new SizePlan("here", [new SizeBin(1000, 1), new SizeBin(2000, 0), new SizeBin(4000, 3)]);
        var sizes = new SizeDistribution(plan);
        var random = new Random(5);
        var drawn = Enumerable.Range(0, 100_000).Select(_ => sizes.Draw(random)).ToArray();
        Assert.InRange(drawn.Count(size => size <= 1000), 25_000 - 700, 25_000 + 700);
        Assert.DoesNotContain(drawn, size => size is > 1000 and <= 2000 or < 1 or > 4000);
        Assert.InRange(drawn.Average(), sizes.Mean - 20, sizes.Mean + 20);
        Assert.InRange(drawn.Where(size => size > 2000).Average(), 2970, 3030);
    }

    private static List<double> Times(
        ArrivalKind kind, int burst, TimeSpan duration, params (double For, double Rate)[] steps)
    {
        var process = new ArrivalProcess(
            new ArrivalPlan(
                kind, [.. steps.Select(step => new ArrivalStep(TimeSpan.FromSeconds(step.For), step.Rate))], burst),
            duration, new Random(11));
        var times = new List<double>();
        while (process.TryNext(out var nanoseconds))
        {
            times.Add(nanoseconds / 1e9);
        }

        return times;
    }
}
