using MailCluster.Actors.Limits;
using MailCluster.Shared.Cluster;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits.Cluster;

[Trait("Requirement", "OXSMTP-EV-16")]
public sealed class LimitsClusterTests : IDisposable
{
    private static readonly LogonName Name = LogonName.Of("alice@example.org");

    private readonly LimitsCluster _cluster = new(
        1, [SourceLimits.ShardOf(Source), SourceLimits.ShardOf(Name)],
        new SourceLimitOptions { Logons = new LogonLimitOptions { FailuresPerUser = 2, FreeFailures = 1 } });

    private LimitsNode One => _cluster.All[0];

    private LimitsNode Two => _cluster.All[1];

    private LimitsNode Three => _cluster.All[2];

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void A_limit_counts_over_all_nodes()
    {
        Assert.Equal(Admission.Admitted, Admit(One, 3));
        Assert.Equal(Admission.Admitted, Admit(Two, 3));
        Assert.Equal(Admission.Admitted, Admit(Three, 3));
        Assert.All(_cluster.All, node => Assert.Equal(Admission.TooMany, Admit(node, 3)));
        Assert.Equal(2, One.Known);
    }

    [Fact]
    public void A_permit_given_back_at_one_node_is_free_for_a_node_that_was_refused_at_once()
    {
        Assert.Equal(Admission.Admitted, Admit(Two, 1));
        Assert.Equal(Admission.TooMany, Admit(Three, 1));
        var before = _cluster.Network.Arrived[0];
        Assert.Equal(Admission.TooMany, Admit(Three, 1));
        Assert.Equal(before, _cluster.Network.Arrived[0]);
        Two.Limits.Release(Gateway, Source, 1);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(Admission.Admitted, Admit(Three, 1));
    }

    [Fact]
    public void Giving_back_twice_is_as_once_and_asking_twice_too()
    {
        Assert.Equal(Admission.Admitted, Admit(Two, 2, connection: 7));
        Assert.Equal(Admission.Admitted, Admit(Two, 2, connection: 7));
        Assert.Equal(1, One.Known);
        Two.Limits.Release(Gateway, Source, 7);
        Two.Limits.Release(Gateway, Source, 7);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((0, 0), (One.Known, Two.HeldHere));
    }

    [Fact]
    public void A_new_home_knows_after_a_move_what_every_node_holds()
    {
        Admit(One, 3);
        Admit(Two, 3);
        Admit(Three, 3);
        Move(Two);
        Assert.Equal(2, Two.Known);
        Assert.All(_cluster.All, node => Assert.Equal(Admission.TooMany, Admit(node, 3)));
        One.Limits.Release(Gateway, Source, 1);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(Admission.Admitted, Admit(Three, 3));
    }

    [Fact]
    public void A_release_that_goes_to_the_old_home_is_known_to_the_new_one_within_a_report()
    {
        Admit(Three, 1);
        _cluster.Scheduler.Run(async () =>
        {
            var move = _cluster.MoveAsync(Two);
            for (var i = 0; Two.Known == 0; i++)
            {
                Assert.InRange(i, 0, 1000);
                await Task.Delay(TimeSpan.FromMilliseconds(1), _cluster.Scheduler.Time);
            }

            // Three does not know of the move perhaps, so this goes to one.
            Three.Limits.Release(Gateway, Source, 1);
            await move;
        });
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, Two.Known);
        Assert.Equal(Admission.Admitted, Admit(One, 1));
    }

    [Fact]
    public void The_permits_of_a_dead_node_are_free_when_its_lease_ends()
    {
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(Admission.Admitted, Admit(Two, 20));
        }

        _cluster.Scheduler.Run(async () =>
        {
            var kill = _cluster.KillAsync(Two);
            await Task.Delay(LimitsCluster.Lease - TimeSpan.FromMilliseconds(100), _cluster.Scheduler.Time);
            Assert.Equal(Admission.TooMany, await AdmitAsync(Three, 20));
            await kill;
            await Task.Delay(TimeSpan.FromMilliseconds(260), _cluster.Scheduler.Time);
            Assert.Equal(0, One.Known);
            Assert.Equal(Admission.Admitted, await AdmitAsync(Three, 20));
        });
    }

    [Fact]
    public void When_the_home_dies_its_heir_counts_what_the_living_hold()
    {
        Admit(One, 20);
        Admit(Two, 20);
        Admit(Three, 20);
        _cluster.Scheduler.Run(() => _cluster.KillAsync(One));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _cluster.Owner.Known);
        Assert.Equal(Admission.Admitted, Admit(Two, 3));
        Assert.All(_cluster.Up, node => Assert.Equal(Admission.TooMany, Admit(node, 3)));
    }

    [Fact]
    public void A_home_that_was_not_told_all_grants_nothing_until_it_is()
    {
        _cluster.Network.Partition(new NodeId(2), new NodeId(3));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(4));
        _cluster.Scheduler.Run(() => _cluster.KillAsync(One));
        var (heir, other) = (_cluster.Owner, _cluster.Up.Single(node => node != _cluster.Owner));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Admission.Unreachable, Admit(heir, 20));
        Assert.Equal(Admission.Unreachable, Admit(other, 20));

        // The setting says that both may let in as many as there may be.
        Assert.True(other.Limits.TryHoldUnasked(Gateway, Source, ++other.Connections, 1));
        Assert.False(other.Limits.TryHoldUnasked(Gateway, Source, ++other.Connections, 1));
        _cluster.Network.Heal(new NodeId(2), new NodeId(3));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, heir.Known);
        Assert.Equal(Admission.TooMany, Admit(heir, 1));
    }

    [Fact]
    public void What_a_home_knew_of_a_node_out_of_reach_goes_with_a_planned_move()
    {
        Admit(Three, 20);
        _cluster.Network.Partition(new NodeId(2), new NodeId(3));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(4));
        Move(Two);
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Two.Known);
        Assert.Equal(Admission.Admitted, Admit(Two, 2));
        Assert.Equal(Admission.TooMany, Admit(One, 2));
    }

    [Fact]
    public void Permits_that_fill_many_frames_are_reported_whole()
    {
        const int Many = 5000;
        _cluster.Scheduler.Run(async () =>
        {
            for (var i = 0; i < Many; i++)
            {
                Assert.Equal(Admission.Admitted, await AdmitAsync(Three, int.MaxValue));
            }
        });
        Move(Two);
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Many, Two.Known);
        for (var i = 1; i <= Many; i++)
        {
            Three.Limits.Release(Gateway, Source, i);
        }

        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Two.Known);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-08")]
    public void A_rate_counts_over_all_nodes_and_begins_anew_with_a_new_home()
    {
        Assert.Equal(RateVerdict.Taken, Take(One));
        Assert.Equal(RateVerdict.Taken, Take(Two));
        Assert.Equal(RateVerdict.Exceeded, Take(Three));
        Move(Two);
        Assert.Equal(RateVerdict.Taken, Take(Three));
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    public void A_debt_made_at_one_node_is_paid_at_another()
    {
        Two.Limits.OweTarpit(Source);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(Admission.AdmittedOwing, Admit(Three, 20));
        Assert.Equal(Admission.Admitted, Admit(One, 20));
    }

    [Fact]
    public void Failed_logins_of_a_name_count_over_all_nodes()
    {
        Two.Limits.Logons.Failed(Name, Other, isKnown: false);
        Three.Limits.Logons.Failed(Name, Other, isKnown: false);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.All(_cluster.All, node => Assert.True(Judge(node).IsRefused));
        Three.Limits.Logons.Succeeded(Name, Other);
        _cluster.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        Assert.All(_cluster.All, node => Assert.Equal((false, true), (Judge(node).IsRefused, Judge(node).IsKnown)));
    }

    private void Move(LimitsNode to) => _cluster.Scheduler.Run(() => _cluster.MoveAsync(to));

    private Admission Admit(LimitsNode node, int limit, long? connection = null) =>
        _cluster.Scheduler.Run(() => AdmitAsync(node, limit, connection));

    private RateVerdict Take(LimitsNode node) => _cluster.Scheduler.Run(
        () => node.Limits.TakeMessageAsync(Gateway, RateKey.Of(Source), 2).AsTask());

    private LogonVerdict Judge(LimitsNode node) =>
        _cluster.Scheduler.Run(() => node.Limits.Logons.JudgeAsync(Name, Other).AsTask());

    private static Task<Admission> AdmitAsync(LimitsNode node, int limit, long? connection = null) =>
        node.Limits.AdmitAsync(Gateway, Source, connection ?? ++node.Connections, limit).AsTask();
}
