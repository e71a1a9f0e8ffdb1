using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Microsoft.Extensions.Logging;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

[Trait("Requirement", "OXSMTP-EV-16")]
public sealed class PermitTests : IDisposable
{
    private readonly LimitsRun _run = new(new SourceLimitOptions { AskDeadline = TimeSpan.FromMilliseconds(50) });

    [Fact]
    public void A_source_gets_as_many_permits_as_its_limit_and_not_one_more()
    {
        for (var connection = 1; connection <= 20; connection++)
        {
            Assert.Equal(Admission.Admitted, _run.Admit(connection, 20));
        }

        Assert.Equal(Admission.TooMany, _run.Admit(21, 20));
        Assert.Equal(20, _run.Permits);
        _run.Limits.Release(Gateway, Source, 7);
        Assert.Equal(Admission.Admitted, _run.Admit(22, 20));
        Assert.Equal(Admission.TooMany, _run.Admit(23, 20));
    }

    [Fact]
    public void Granting_and_giving_back_twice_are_as_once()
    {
        Assert.Equal(Admission.Admitted, _run.Admit(1, 2));
        Assert.Equal(Admission.Admitted, _run.Admit(1, 2));
        Assert.Equal(1, _run.Permits);
        Assert.Equal(Admission.Admitted, _run.Admit(2, 2));
        Assert.Equal(Admission.Admitted, _run.Admit(2, 2));
        _run.Limits.Release(Gateway, Source, 1);
        _run.Limits.Release(Gateway, Source, 1);
        _run.Limits.Release(Gateway, Source, 99);
        Assert.Equal(Admission.Admitted, _run.Admit(3, 2));
        Assert.Equal(Admission.TooMany, _run.Admit(4, 2));
        Assert.Equal(2, _run.Permits);
    }

    [Fact]
    public void A_release_overtakes_no_ask_that_was_made_before_it()
    {
        var asked = _run.Limits.AdmitAsync(Gateway, Source, 1, 1).AsTask();
        _run.Limits.Release(Gateway, Source, 1);
        _run.Scheduler.RunUntilIdle();
        Assert.True(asked.IsCompleted);
        Assert.Equal(0, _run.Permits);
        Assert.Equal(Admission.Admitted, _run.Admit(2, 1));
    }

    [Fact]
    public void Sources_and_bindings_count_apart()
    {
        Assert.Equal(Admission.Admitted, _run.Admit(1, 1));
        Assert.Equal(Admission.Admitted, _run.Admit(2, 1, Other));
        Assert.Equal(Admission.Admitted, _run.Admit(3, 1, Source, Submission));
        Assert.Equal(Admission.TooMany, _run.Admit(4, 1));
        Assert.Equal(Admission.TooMany, _run.Admit(5, 1, Other));
        Assert.Equal(Admission.TooMany, _run.Admit(6, 1, Source, Submission));
        _run.Limits.Release(Submission, Source, 3);
        Assert.Equal(Admission.TooMany, _run.Admit(7, 1));
        Assert.Equal(Admission.Admitted, _run.Admit(8, 1, Source, Submission));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    [InlineData("0.0.0.1", "::1", false)]
    public void An_ipv6_network_and_a_mapped_address_are_one_source(string one, string two, bool isSame)
    {
        Assert.Equal(Admission.Admitted, _run.Admit(1, 1, Address(one)));
        Assert.Equal(isSame ? Admission.TooMany : Admission.Admitted, _run.Admit(2, 1, Address(two)));
    }

    [Fact]
    public void A_home_with_permits_stays_and_one_without_goes()
    {
        _run.Admit(1, 1);
        _run.Admit(2, 1, Other);
        _run.Limits.Release(Gateway, Other, 2);
        _run.Scheduler.Advance(TimeSpan.FromHours(1));
        Assert.Equal((1, 1), (_run.Homes, _run.Permits));
        Assert.Equal(Admission.TooMany, _run.Admit(3, 1));
        _run.Limits.Release(Gateway, Source, 1);
        _run.Scheduler.Advance(TimeSpan.FromMinutes(3));
        Assert.Equal((0, 0), (_run.Homes, _run.Permits));
        _run.Limits.Release(Gateway, Source, 1);
        _run.Scheduler.RunUntilIdle();
        Assert.Equal(0, _run.Homes);
    }

    [Fact]
    public void A_restarted_home_counts_what_its_node_holds()
    {
        _run.Admit(1, 3);
        _run.Admit(2, 3);
        _run.Admit(3, 1, Source, Submission);
        Assert.Equal(RateVerdict.Unreachable, _run.Break(Source));
        Assert.Equal(1, _run.Restarts);
        Assert.Single(_run.Log.Lines, line => line is (2101, LogLevel.Warning, _) && line.Text.Contains("3 permits"));
        Assert.Equal(Admission.Admitted, _run.Admit(4, 3));
        Assert.Equal(Admission.TooMany, _run.Admit(5, 3));
        Assert.Equal(Admission.TooMany, _run.Admit(6, 1, Source, Submission));
        _run.Limits.Release(Gateway, Source, 1);
        Assert.Equal(Admission.Admitted, _run.Admit(7, 3));
    }

    [Fact]
    public void A_turn_that_fails_after_the_grant_leaves_no_permit()
    {
        _run.Limits.OweTarpit(Source);
        _run.Scheduler.RunUntilIdle();
        _run.Time.Faults = 1;
        Assert.Equal(Admission.Unreachable, _run.Admit(1, 1));
        Assert.Equal((1, 0), (_run.Restarts, _run.Time.Faults));
        Assert.Equal(Admission.AdmittedOwing, _run.Admit(2, 1));
        Assert.Equal(1, _run.Permits);
    }

    [Fact]
    public void An_ask_that_nobody_answers_in_time_is_unreachable_and_its_late_grant_is_given_back()
    {
        _run.Break(Source);
        _run.Break(Source);
        var before = _run.Scheduler.Time.Now;
        Assert.Equal(Admission.Unreachable, _run.Admit(1, 1));
        Assert.Equal(TimeSpan.FromMilliseconds(50), _run.Scheduler.Time.Now - before);
        Assert.Equal(RateVerdict.Unreachable, _run.Take(RateKey.Of(Source), 1));
        _run.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, _run.Permits);
        Assert.Equal(Admission.Admitted, _run.Admit(2, 1));
        Assert.Equal(Admission.TooMany, _run.Admit(3, 1));
        Assert.Single(_run.Log.Lines, line => line is (2100, LogLevel.Warning, _));
    }

    [Fact]
    public void Beyond_the_homes_that_fit_a_new_source_is_unreachable_and_the_known_are_served()
    {
        using var run = new LimitsRun(new SourceLimitOptions { HomesMax = 3 });
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal(Admission.Admitted, run.Admit(i, 2, new SourceKey(false, (ulong)i)));
        }

        Assert.Equal(Admission.Unreachable, run.Admit(4, 2, Source));
        Assert.Equal(RateVerdict.Unreachable, run.Take(RateKey.All, 10));
        Assert.Equal(Admission.Admitted, run.Admit(5, 2, new SourceKey(false, 3)));
        run.Limits.Release(Gateway, new SourceKey(false, 2), 2);
        run.Scheduler.RunUntilIdle();
        Assert.Equal(Admission.Admitted, run.Admit(6, 2, Source));
        Assert.Equal((3, 4), (run.Homes, run.Permits));
    }

    [Fact]
    public void A_limit_below_one_is_a_bug()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _run.Admit(1, 0));
    }

    public void Dispose() => _run.Dispose();
}
