using MailCluster.Actors.Limits;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

[Trait("Requirement", "OXSMTP-EV-16")]
public sealed class RefusalTests : IDisposable
{
    private readonly LimitsRun _run = new();

    [Fact]
    public void A_flood_from_a_refused_source_costs_one_ask_a_second()
    {
        _run.Admit(0, 1);
        for (var connection = 1; connection <= 10_000; connection++)
        {
            Assert.Equal(Admission.TooMany, _run.Admit(connection, 1));
            _run.Limits.Release(Gateway, Source, connection);
        }

        Assert.Equal((2, 9_999), (_run.Admissions, _run.CachedRefusals));
        _run.Scheduler.Advance(TimeSpan.FromSeconds(0.9999));
        _run.Admit(20_000, 1);
        Assert.Equal(2, _run.Admissions);
        _run.Scheduler.Advance(TimeSpan.FromSeconds(0.0001));
        _run.Admit(20_001, 1);
        Assert.Equal(3, _run.Admissions);
    }

    [Fact]
    public void The_connection_after_a_release_is_admitted()
    {
        _run.Admit(0, 1);
        for (var connection = 1; connection < 1000; connection++)
        {
            Assert.Equal(Admission.TooMany, _run.Admit(-connection, 1));
            _run.Limits.Release(Gateway, Source, connection - 1);
            Assert.Equal(Admission.Admitted, _run.Admit(connection, 1));
        }
    }

    [Fact]
    public void A_refusal_that_comes_after_a_release_does_not_hide_it()
    {
        _run.Admit(0, 1);
        var refused = _run.Limits.AdmitAsync(Gateway, Source, 1, 1).AsTask();
        _run.Limits.Release(Gateway, Source, 0);
        Assert.Equal(Admission.TooMany, _run.Scheduler.Run(() => refused));
        Assert.Equal(Admission.Admitted, _run.Admit(2, 1));
    }

    [Fact]
    public void A_refusal_answers_for_its_binding_and_up_to_its_limit_only()
    {
        _run.Admit(0, 1);
        Assert.Equal(Admission.TooMany, _run.Admit(1, 1));
        Assert.Equal(Admission.Admitted, _run.Admit(2, 1, Source, Submission));
        Assert.Equal(Admission.Admitted, _run.Admit(3, 2));
        Assert.Equal(Admission.Admitted, _run.Admit(4, 1, Other));
        Assert.Equal(Admission.TooMany, _run.Admit(5, 1));
        Assert.Equal(1, _run.CachedRefusals);
    }

    [Fact]
    public void Beyond_the_bound_the_oldest_refusal_costs_an_ask_again()
    {
        using var run = new LimitsRun(new SourceLimitOptions { RefusalsMax = 1 });
        run.Admit(1, 1);
        run.Admit(2, 1, Other);
        run.Admit(3, 1);
        run.Admit(4, 1, Other);
        run.Admit(5, 1);
        run.Admit(6, 1);
        Assert.Equal((5, 1), (run.Admissions, run.CachedRefusals));
    }

    public void Dispose() => _run.Dispose();
}
