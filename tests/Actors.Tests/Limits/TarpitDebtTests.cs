using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

[Trait("Requirement", "OXSMTP-EV-19")]
public sealed class TarpitDebtTests : IDisposable
{
    private readonly LimitsRun _run = new();

    [Fact]
    public void A_debt_is_paid_once_by_the_next_connection_of_its_source_on_any_binding()
    {
        _run.Limits.OweTarpit(Source);
        _run.Limits.OweTarpit(Source);
        Assert.Equal(Admission.Admitted, _run.Admit(1, 9, Other));
        Assert.Equal(Admission.AdmittedOwing, _run.Admit(2, 9, Source, Submission));
        Assert.Equal(Admission.Admitted, _run.Admit(3, 9));
        Assert.Equal(0, _run.Debts);
    }

    [Fact]
    public void A_refused_connection_pays_nothing()
    {
        _run.Admit(1, 1);
        _run.Limits.OweTarpit(Source);
        Assert.Equal(Admission.TooMany, _run.Admit(2, 1));
        _run.Limits.Release(Gateway, Source, 1);
        Assert.Equal(Admission.AdmittedOwing, _run.Admit(3, 1));
    }

    [Fact]
    public void A_debt_outlives_its_home_and_expires_after_ten_minutes()
    {
        _run.Limits.OweTarpit(Source);
        _run.Limits.OweTarpit(Other);
        _run.Scheduler.Advance(TimeSpan.FromSeconds(599.9));
        Assert.Equal((0, 2), (_run.Homes, _run.Debts));
        Assert.Equal(Admission.AdmittedOwing, _run.Admit(1, 9));
        _run.Scheduler.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(0, _run.Debts);
        Assert.Equal(Admission.Admitted, _run.Admit(2, 9, Other));
    }

    [Fact]
    public void Another_error_begins_the_ten_minutes_anew()
    {
        _run.Limits.OweTarpit(Source);
        _run.Scheduler.Advance(TimeSpan.FromMinutes(9));
        _run.Limits.OweTarpit(Source);
        _run.Scheduler.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(Admission.AdmittedOwing, _run.Admit(1, 9));
    }

    [Fact]
    public void Beyond_the_bound_the_oldest_debt_is_forgotten()
    {
        using var run = new LimitsRun(new SourceLimitOptions { DebtsMax = 1000 });
        for (ulong i = 0; i <= 1000; i++)
        {
            run.Limits.OweTarpit(new SourceKey(true, i));
            run.Scheduler.RunUntilIdle();
        }

        Assert.Equal(1000, run.Debts);
        Assert.Equal(Admission.Admitted, run.Admit(1, 9, new SourceKey(true, 0)));
        Assert.Equal(Admission.AdmittedOwing, run.Admit(2, 9, new SourceKey(true, 1)));
    }

    public void Dispose() => _run.Dispose();
}
