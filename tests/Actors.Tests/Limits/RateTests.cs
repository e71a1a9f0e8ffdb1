using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

[Trait("Requirement", "OXSMTP-EV-08")]
public sealed class RateTests : IDisposable
{
    private static readonly RateKey BySource = RateKey.Of(Source);

    private readonly LimitsRun _run = new();

    [Fact]
    public void As_many_messages_as_the_limit_are_taken_and_the_next_is_exceeded()
    {
        for (var i = 0; i < 600; i++)
        {
            Assert.Equal(RateVerdict.Taken, _run.Take(BySource, 600));
        }

        Assert.Equal(RateVerdict.Exceeded, _run.Take(BySource, 600));
    }

    [Fact]
    public void The_window_slides_and_what_was_refused_does_not_count()
    {
        _run.Scheduler.Advance(TimeSpan.FromSeconds(7.25));
        Assert.Equal(RateVerdict.Taken, _run.Take(BySource, 2));
        _run.Scheduler.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(RateVerdict.Taken, _run.Take(BySource, 2));
        _run.Scheduler.Advance(TimeSpan.FromSeconds(29.9));
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(RateVerdict.Exceeded, _run.Take(BySource, 2));
        }

        _run.Scheduler.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(RateVerdict.Taken, _run.Take(BySource, 2));
        Assert.Equal(RateVerdict.Exceeded, _run.Take(BySource, 2));
    }

    [Fact]
    public void A_source_a_user_and_all_have_windows_of_their_own()
    {
        RateKey[] keys =
        [
            BySource, RateKey.Of(Other), RateKey.Of(new AccountId(1)), RateKey.Of(new AccountId(2)), RateKey.All,
            RateKey.Of(new SourceKey(false, 1)), RateKey.Of(new SourceKey(true, 1)),
        ];
        foreach (var key in keys)
        {
            Assert.Equal(RateVerdict.Taken, _run.Take(key, 1));
            Assert.Equal(RateVerdict.Taken, _run.Take(key, 1, Submission));
        }

        foreach (var key in keys)
        {
            Assert.Equal(RateVerdict.Exceeded, _run.Take(key, 1));
            Assert.Equal(RateVerdict.Exceeded, _run.Take(key, 1, Submission));
        }
    }

    [Fact]
    public void A_home_stays_as_long_as_its_window_and_no_longer_than_twice_that()
    {
        _run.Take(BySource, 1);
        _run.Scheduler.Advance(TimeSpan.FromSeconds(60.9));
        Assert.Equal(1, _run.Homes);
        Assert.Equal(RateVerdict.Exceeded, _run.Take(BySource, 1));
        _run.Scheduler.Advance(TimeSpan.FromMinutes(2.5));
        Assert.Equal(0, _run.Homes);
        Assert.Equal(RateVerdict.Taken, _run.Take(BySource, 1));
    }

    [Fact]
    public void The_longest_idle_home_makes_room_unless_its_window_lives()
    {
        using var run = new LimitsRun(new SourceLimitOptions { HomesMax = 2 });
        run.Take(BySource, 5);
        run.Take(RateKey.Of(Other), 5);
        Assert.Equal(RateVerdict.Unreachable, run.Take(RateKey.All, 5));
        run.Scheduler.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(RateVerdict.Taken, run.Take(RateKey.All, 5));
    }

    [Fact]
    public void A_limit_below_one_is_a_bug()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _run.Take(BySource, 0));
    }

    public void Dispose() => _run.Dispose();
}
