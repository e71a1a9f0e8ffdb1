using MailCluster.Shared.Limits;
using Xunit;

namespace MailCluster.Shared.Tests.Limits;

/// <summary>A queue stands when everybody has to wait too long; a burst and a lone straggler are none.</summary>
public sealed class QueueLevelTests
{
    private static readonly QueueLimits Limits = new(Target: 50, Interval: 100, Samples: 2, Memory: 1000);

    [Theory]
    [InlineData("0:51 99:51", false)] // not for long enough
    [InlineData("0:51 100:51", true)]
    [InlineData("0:50 100:50 200:50", false)] // in time
    [InlineData("0:51 50:50 100:51", false)] // somebody was in time
    [InlineData("0:51 50:50 100:51 199:51", false)]
    [InlineData("0:51 50:50 100:51 200:51", true)]
    [InlineData("500:900", false)] // one alone, however late
    [InlineData("0:51 999:51", true)] // nobody came between
    [InlineData("0:51 1000:51", false)] // nobody came for so long that the first is forgotten
    [InlineData("0:51 100:51 110:50", false)] // in time again
    [InlineData("0:51 100:51 110:50 1109:51", true)] // it stood a moment ago: no new interval
    [InlineData("0:51 100:51 110:50 1110:51", false)]
    public void All_have_to_wait_too_long_for_an_interval(string samples, bool stands) =>
        Assert.Equal(stands, Play(samples, out var last).StandsUntil > last);

    [Fact]
    public void Without_a_sample_it_stands_for_as_long_as_the_memory_and_not_longer()
    {
        var queue = Play("0:51 100:51", out _);

        Assert.Equal(1100, queue.StandsUntil);
        // The node let everybody in meanwhile: a single late one proves nothing again.
        Assert.Equal(0, queue.Next(51, 1100, Limits).StandsUntil);
    }

    [Fact]
    public void So_many_samples_are_wanted()
    {
        var eight = Limits with { Samples = 8 };
        QueueLevel queue = default;
        for (var late = 1; late < 8; late++)
        {
            queue = queue.Next(51, late * 100, eight);
            Assert.Equal(0, queue.StandsUntil);
        }

        Assert.True(queue.Next(51, 800, eight).StandsUntil > 800);
    }

    [Fact]
    public void Whatever_comes_it_stands_only_while_everybody_is_late_and_begins_only_after_an_interval_of_that()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var run = 0; run < 2000; run++)
        {
            var limits = new QueueLimits(
                random.Next(1, 100), random.Next(1, 200), random.Next(1, 5), random.Next(200, 1000));
            QueueLevel queue = default;
            var now = (long)random.Next(3);
            long? lateSince = null;
            var stoodAt = long.MinValue;
            for (var step = 0; step < 100; step++)
            {
                now += random.Next(random.Next(10) == 0 ? 1500 : 50);
                var delay = random.Next(3) == 0 ? random.Next(101) : limits.Target + random.Next(3);
                var stood = now < queue.StandsUntil;
                stoodAt = stood ? now : stoodAt;
                queue = queue.Next(delay, now, limits);
                lateSince = delay <= limits.Target ? null : lateSince ?? now;
                var stands = now < queue.StandsUntil;
                var why = $"MAILCLUSTER_SEED={seed}: run {run}, step {step}";
                Assert.True(!stands || delay > limits.Target, why);
                Assert.True(queue.StandsUntil == 0 || queue.StandsUntil == now + limits.Memory, why);
                Assert.True(
                    !stands || stood || now - stoodAt < limits.Memory || now - lateSince >= limits.Interval, why);
                Assert.True(!stood || delay <= limits.Target || stands, why);
            }
        }
    }

    [Fact]
    public void More_waiting_never_makes_a_queue_less_standing()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var run = 0; run < 1000; run++)
        {
            // Users are let in up to a higher target: whenever they are shed, so are strangers.
            QueueLevel strangers = default;
            QueueLevel users = default;
            var now = 0L;
            for (var step = 0; step < 100; step++)
            {
                now += random.Next(120);
                var delay = random.Next(30, 130);
                strangers = strangers.Next(delay, now, Limits);
                users = users.Next(delay, now, Limits with { Target = 100 });
                Assert.True(
                    users.StandsUntil <= now || strangers.StandsUntil > now,
                    $"MAILCLUSTER_SEED={seed}: run {run}, step {step}");
            }
        }
    }

    private static QueueLevel Play(string samples, out long last)
    {
        QueueLevel queue = default;
        last = 0;
        foreach (var sample in samples.Split(' '))
        {
            var parts = sample.Split(':');
            last = long.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
            queue = queue.Next(
                long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture), last, Limits);
        }

        return queue;
    }
}
