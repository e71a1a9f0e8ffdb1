using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>Failed logins at the homes of their sources and names, in virtual time.</summary>
public sealed class LogonLimitTests : IDisposable
{
    private static readonly LogonName Alice = LogonName.Of("alice@example.test");
    private static readonly LogonName Nobody = LogonName.Of("nobody@example.test");

    private readonly QuietMeters _meters = new();
    private readonly SeededScheduler _scheduler = new(1);
    private readonly SourceLimits _limits;

    public LogonLimitTests()
    {
        var system = new ActorSystem(
            _scheduler, _scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance, _meters);
        var options = new SourceLimitOptions
        {
            Logons = new LogonLimitOptions { FailuresPerSource = 20, FailuresPerUser = 10 },
        };
        _limits = new SourceLimits(system, options, new LimitsMetrics(_meters), NullLoggerFactory.Instance);
    }

    [Fact]
    public void The_first_failures_cost_nothing_then_each_doubles_the_wait_and_the_cap_refuses()
    {
        double[] waits = [0, 0, 0, 0, 0, 0, 250, 500, 1000, 2000, 5000];
        for (var failures = 0; failures < waits.Length; failures++)
        {
            var verdict = Judge(Alice, 1);
            Assert.Equal(waits[failures], verdict.Delay.TotalMilliseconds);
            Assert.Equal(failures == 10, verdict.IsRefused);
            Fail(Alice, source: 100 + (ulong)failures);
        }
    }

    [Fact]
    public void A_name_that_is_nobodys_is_judged_as_one_that_is_somebodys()
    {
        Succeed(Alice, 1);
        for (var failures = 0; failures < 12; failures++)
        {
            Assert.Equal(Judge(Alice, 2), Judge(Nobody, 2));
            Fail(Alice, 3);
            Fail(Nobody, 4);
        }
    }

    [Fact]
    public void Failures_are_forgotten_one_by_one()
    {
        Times(10, () => Fail(Alice, 1));
        Assert.True(Judge(Alice, 2).IsRefused);

        _scheduler.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromMilliseconds(1));
        Assert.True(Judge(Alice, 2).IsRefused);
        _scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(Judge(Alice, 2).IsRefused);
        Fail(Alice, 2);
        Assert.True(Judge(Alice, 2).IsRefused);

        _scheduler.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(LogonVerdict.Free, Judge(Alice, 2));
    }

    [Fact]
    public void However_many_fail_at_once_one_is_forgotten_as_soon_as_after_the_cap()
    {
        Times(1000, () => Fail(Alice, 1));
        _scheduler.Advance(TimeSpan.FromMinutes(1));
        Assert.False(Judge(Alice, 2).IsRefused);
    }

    [Fact]
    public void One_source_is_capped_over_all_the_names_it_tries()
    {
        for (var user = 0; user < 20; user++)
        {
            Assert.False(Judge(LogonName.Of($"user{user}@example.test"), 1).IsRefused);
            Fail(LogonName.Of($"user{user}@example.test"), 1);
        }

        Assert.True(Judge(LogonName.Of("another@example.test"), 1).IsRefused);
        Assert.True(Judge(null, 1).IsRefused);
        Assert.Equal(LogonVerdict.Free, Judge(LogonName.Of("another@example.test"), 2));
    }

    [Fact]
    public void Strangers_do_not_keep_a_user_out_where_he_logged_in_of_late()
    {
        Succeed(Alice, 1);
        Times(100, () => Fail(Alice, 2));
        Assert.True(Judge(Alice, 2).IsRefused);
        Assert.True(Judge(Alice, 3).IsRefused);
        Assert.Equal(LogonVerdict.Free with { IsKnown = true }, Judge(Alice, 1));

        _scheduler.Advance(TimeSpan.FromDays(1));
        Assert.False(Judge(Alice, 1).IsKnown);
    }

    [Fact]
    public void Neighbours_behind_one_address_do_not_slow_who_has_logged_in_there()
    {
        Succeed(Alice, 1);
        Times(100, () => Fail(Nobody, 1));
        Assert.Equal(LogonVerdict.Free with { IsKnown = true }, Judge(Alice, 1));
    }

    [Fact]
    public void Who_guesses_at_a_known_address_is_capped_there_and_nowhere_else()
    {
        Succeed(Alice, 1);
        Times(10, () => Fail(Alice, 1));
        Assert.True(Judge(Alice, 1).IsRefused);
        Assert.Equal(LogonVerdict.Free, Judge(Alice, 2));
        Assert.Equal(LogonVerdict.Free, Judge(Nobody, 1));

        Succeed(Alice, 1);
        Assert.Equal(TimeSpan.Zero, Judge(Alice, 1).Delay);
    }

    [Theory]
    [InlineData("ALICE@Example.TEST", true)]
    [InlineData("alice@example.test", true)]
    [InlineData("alice@other.test", false)]
    [InlineData("alice", false)]
    public void A_name_is_one_however_it_is_written(string other, bool isSame) =>
        Assert.Equal(isSame, LogonName.Of(other) == Alice);

    [Fact]
    public void A_user_holds_so_many_permits_from_whatever_source_and_gets_them_back()
    {
        var (alice, bob) = (new AccountId(1), new AccountId(2));
        Assert.Equal(Admission.Admitted, Admit(alice, 1));
        Assert.Equal(Admission.Admitted, Admit(alice, 2));
        Assert.Equal(Admission.TooMany, Admit(alice, 3));
        Assert.Equal(Admission.Admitted, Admit(bob, 4));

        _limits.Release("pop3", alice, 3);
        Assert.Equal(Admission.TooMany, Admit(alice, 5));
        _limits.Release("pop3", alice, 1);
        _limits.Release("pop3", alice, 1);
        _scheduler.RunUntilIdle();
        Assert.Equal(Admission.Admitted, Admit(alice, 6));
        Assert.Equal(Admission.TooMany, Admit(alice, 7));
    }

    public void Dispose() => _meters.Dispose();

    private static SourceKey Source(ulong value) => new(false, value);

    private static void Times(int count, Action act)
    {
        for (var i = 0; i < count; i++)
        {
            act();
        }
    }

    private Admission Admit(AccountId user, long connection) =>
        _scheduler.Run(() => _limits.AdmitAsync("pop3", user, connection, 2).AsTask());

    private LogonVerdict Judge(LogonName? name, ulong source) =>
        _scheduler.Run(() => _limits.Logons.JudgeAsync(name, Source(source)).AsTask());

    private void Fail(LogonName name, ulong source)
    {
        _limits.Logons.Failed(name, Source(source), Judge(name, source).IsKnown);
        _scheduler.RunUntilIdle();
    }

    private void Succeed(LogonName name, ulong source)
    {
        _limits.Logons.Succeeded(name, Source(source));
        _scheduler.RunUntilIdle();
    }
}
