using MailCluster.Shared.Limits;
using Xunit;

namespace MailCluster.Shared.Tests.Limits;

[Trait("Requirement", "OXSMTP-EV-08")]
public sealed class SlidingWindowTests
{
    [Fact]
    public void The_limit_is_taken_and_one_beyond_is_refused_without_counting()
    {
        var window = default(SlidingWindow);
        for (var i = 0; i < 600; i++)
        {
            Assert.True(window.TryTake(1000, 600));
        }

        for (var i = 0; i < 1000; i++)
        {
            Assert.False(window.TryTake(1000, 600));
        }

        Assert.False(window.TryTake(1060, 600));
        Assert.True(window.TryTake(1061, 600));
    }

    [Fact]
    public void A_window_slides_and_is_not_reset()
    {
        var window = default(SlidingWindow);
        Assert.True(window.TryTake(0, 2));
        Assert.True(window.TryTake(59, 2));
        Assert.False(window.TryTake(60, 2));
        Assert.True(window.TryTake(61, 2));
        Assert.False(window.TryTake(119, 2));
        Assert.True(window.TryTake(120, 2));
        Assert.False(window.TryTake(121, 2));
    }

    [Fact]
    public void It_is_empty_until_used_and_again_when_all_has_run_out()
    {
        var window = default(SlidingWindow);
        Assert.True(window.IsEmptyAt(0));
        window.TryTake(5, 1);
        Assert.False(window.IsEmptyAt(65));
        Assert.True(window.IsEmptyAt(66));
    }

    [Fact]
    public void A_clock_that_goes_back_stands_still()
    {
        var window = default(SlidingWindow);
        Assert.True(window.TryTake(100, 3));
        Assert.True(window.TryTake(7, 3));
        Assert.False(window.IsEmptyAt(3));
        Assert.True(window.TryTake(160, 3));
        Assert.False(window.TryTake(160, 3));
        Assert.True(window.TryTake(161, 3));
        Assert.True(window.TryTake(161, 3));
        Assert.False(window.TryTake(161, 3));
    }

    [Fact]
    public void The_largest_limit_works()
    {
        var window = default(SlidingWindow);
        for (uint second = 0; second < 500; second++)
        {
            Assert.True(window.TryTake(uint.MaxValue - 500 + second, int.MaxValue));
        }
    }

    /// <summary>
    /// Against a list of times. Never more than the limit in 60 s, whatever part of a second they began in; and what is
    /// refused would have been too much in 61 s.
    /// </summary>
    [Fact]
    public void No_sixty_seconds_hold_more_than_the_limit_and_no_refusal_is_more_than_a_second_late()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var run = 0; run < 300; run++)
        {
            var limit = random.Next(1, 1 << random.Next(1, 9));
            var pause = Math.Pow(2, random.Next(-8, 6));
            var window = default(SlidingWindow);
            var taken = new List<double>();
            var now = random.NextDouble() * 100;
            for (var step = 0; step < 1000; step++)
            {
                now += random.Next(40) == 0 ? random.NextDouble() * 70 : random.NextDouble() * pause;
                var inSixty = taken.Count(at => now - at < 60);
                var inSixtyOne = taken.Count(at => now - at < 61);
                if (window.TryTake((uint)now, limit))
                {
                    Assert.True(inSixty < limit, $"MAILCLUSTER_SEED={seed}: {inSixty + 1} of {limit} at {now}");
                    taken.Add(now);
                }
                else
                {
                    Assert.True(inSixtyOne >= limit, $"MAILCLUSTER_SEED={seed}: refused {inSixtyOne} at {now}");
                }
            }
        }
    }
}
