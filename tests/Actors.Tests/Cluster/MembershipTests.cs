using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>The life of nodes, in virtual time.</summary>
public sealed class MembershipTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    [Theory, MemberData(nameof(Seeds))]
    public void Three_nodes_join_and_share_all_shards(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        Assert.Equal([11, 11, 10], run.Nodes.Select(run.Count).OrderDescending());
        Assert.All(run.Nodes, node => Assert.Equal(run.Count(node), run.Database.Read().Shards.Count(
            shard => shard.Owner == node.Members.Self)));
        Assert.All(run.Nodes, node => Assert.Equal(2, node.Expected.Length));
        Assert.All(
            run.Database.Read().Nodes, node => Assert.Equal((NodeState.Up, "1.2.3"), (node.State, node.Version)));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_node_that_joins_makes_no_shard_unavailable_for_longer_than_100_ms(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(2);
        run.Start("n3");
        run.Until(run.IsBalanced, s_patience);
        Assert.InRange(run.Homeless, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(100));
        Assert.Equal(10, run.Nodes[2].Moves);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_killed_nodes_shards_are_served_again_within_the_lease_and_a_poll(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(3 + (seed / 10.0));
        run.Forget();
        run.Nodes[seed % 3].Kill();
        run.Until(run.IsBalanced, s_patience);
        Assert.InRange(
            run.Homeless, TimeSpan.FromSeconds(1.9),
            run.Options.LeaseDuration + run.Options.PollEvery + TimeSpan.FromMilliseconds(50));
        run.Advance(1);
        Assert.Single(run.Database.Read().Nodes, node => node.State == NodeState.Down);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_drain_makes_no_shard_unavailable_for_longer_than_500_ms_and_leaves_none_behind(int seed)
    {
        using var run = new MembershipRun(seed, shards: 128);
        run.StartAll(3);
        var leaving = run.Nodes[0];
        leaving.LeaveTime = TimeSpan.FromMilliseconds(20 * seed);
        bool? drained = null;
        run.Begin(async () =>
        {
            drained = await leaving.Members.DrainAsync(CancellationToken.None);
            Assert.Equal(0, run.Count(leaving));
            await leaving.Members.DisposeAsync();
            leaving.IsRunning = false;
        });
        run.Until(() => !leaving.IsRunning, s_patience);
        Assert.True(drained);
        run.Advance(1);
        Assert.True(run.IsBalanced());
        Assert.InRange(run.Homeless, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(500));
        Assert.Equal(
            NodeState.Down,
            run.Database.Read().Nodes.Single(node => node.Id == leaving.Members.Self.Id).State);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_node_that_stood_still_for_longer_than_its_lease_joins_again_as_another(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(3);
        var paused = run.Nodes[seed % 3];
        var before = paused.Members.Self;
        var had = run.Count(paused);
        paused.Pause();
        run.Advance(2.2);
        Assert.Equal(0, run.Count(paused));
        run.Advance(2);
        Assert.True(run.HasHomes);
        Assert.Equal(before, paused.Members.Self);

        NodePeer? after = null;
        paused.Members.Reincarnated += peer => after = peer;
        paused.Resume();
        run.Until(() => run.IsBalanced(), s_patience);
        run.Advance(1);
        Assert.True(run.IsBalanced());
        Assert.Equal(before.Id, after!.Value.Id);
        Assert.True(after.Value.Incarnation.Value > before.Incarnation.Value);
        Assert.Equal([after.Value], paused.Fences);
        Assert.Contains(paused.Log.Lines, line => line.Id == 3006);
        Assert.Contains($"left {had}", paused.Told);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_short_stand_moves_nothing(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(3);
        var moves = run.Nodes.Sum(node => node.Moves);
        run.Nodes[1].Pause();
        run.Advance(1.4);
        run.Nodes[1].Resume();
        run.Advance(5);
        Assert.Equal(moves, run.Nodes.Sum(node => node.Moves));
        Assert.True(run.IsBalanced());
    }

    [Theory, MemberData(nameof(Seeds))]
    public void When_the_database_is_away_nobody_serves_and_then_all_serve_on_under_the_same_epochs(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(3);
        var before = run.Database.Read().Shards;
        run.Database.IsAway = true;
        run.Advance(2.6);
        Assert.All(run.Nodes, node => Assert.Equal(0, run.Count(node)));
        run.Advance(seed);
        run.Database.IsAway = false;
        run.Until(() => run.HasHomes, TimeSpan.FromSeconds(2));
        run.Advance(5);
        Assert.Equal(before, run.Database.Read().Shards);
        Assert.All(run.Nodes, node => Assert.Contains(node.Log.Lines, line => line.Id == 3004));
        Assert.All(run.Nodes, node => Assert.Contains(node.Log.Lines, line => line.Id == 3005));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_node_cut_off_from_the_database_loses_its_shards_and_comes_back(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(3);
        var cut = run.Nodes[seed % 3];
        cut.Store.IsCutOff = true;
        run.Advance(3.5);
        Assert.True(run.HasHomes);
        Assert.Equal(0, run.Count(cut));
        Assert.Contains(
            Enumerable.Range(0, 32).Select(shard => cut.Members.Find(new ShardId(0, shard)).Kind),
            kind => kind == HomeKind.There);
        cut.Store.IsCutOff = false;
        run.Until(run.IsBalanced, s_patience);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Of_two_that_see_a_node_dead_at_once_one_claims(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(4);
        run.Advance(3);
        var dead = $"Node {run.Nodes[3].Members.Self.Id.Value},";
        run.Nodes[3].Kill();
        run.Nodes[0].Store.IsCutOff = seed % 2 == 0;
        run.Advance(4);
        var claims = run.Running.SelectMany(node => node.Log.Lines)
            .Count(line => line.Id == 3010 && line.Text.Contains(dead, StringComparison.Ordinal));
        Assert.Equal(1, claims);
        Assert.True(run.HasHomes);
    }

    [Fact]
    public void Shards_of_one_node_that_lies_down_are_claimed_by_the_next_when_the_first_cannot()
    {
        using var run = new MembershipRun(7);
        run.StartAll(3);
        run.Advance(3);
        var byId = run.Nodes.OrderBy(node => node.Members.Self.Id).ToArray();
        byId[2].Kill();
        byId[0].Pause();
        run.Advance(4);
        Assert.True(run.HasHomes);
        Assert.Equal(32, run.Count(byId[1]));
    }

    [Fact]
    public void A_wall_clock_that_is_an_hour_off_does_not_matter()
    {
        using var run = new MembershipRun(11);
        run.Start("n1", wallSkew: TimeSpan.FromHours(1));
        run.Start("n2", wallSkew: -TimeSpan.FromHours(1));
        run.Start("n3");
        run.Until(run.IsBalanced, s_patience);
        run.Forget();
        run.Advance(20);
        Assert.Equal(TimeSpan.Zero, run.Homeless);
        run.Nodes[2].Kill();
        run.Until(run.IsBalanced, TimeSpan.FromSeconds(3));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_killed_node_that_is_started_again_is_back_within_one_lease(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(1 + (seed % 3));
        run.Advance(3);
        var before = run.Nodes[0].Members.Self;
        run.Nodes[0].Kill();
        var again = run.Start("n1");
        run.Until(() => run.IsBalanced() && run.Count(again) > 0, TimeSpan.FromSeconds(3.5));
        Assert.Equal(before.Id, again.Members.Self.Id);
        Assert.True(again.Members.Self.Incarnation.Value > before.Incarnation.Value);
        Assert.InRange(run.Homeless, TimeSpan.Zero, TimeSpan.FromSeconds(2.9));
        Assert.Contains(again.Log.Lines, line => line.Id == 3000);
    }

    [Fact]
    public void A_second_node_with_the_name_of_a_living_one_is_refused_with_what_to_do()
    {
        using var run = new MembershipRun(3);
        run.StartAll(2);
        var second = new MemberNode(run, "N2", default);
        var refusal = Assert.Throws<NodeNameTakenException>(() => run.Scheduler.Run(second.JoinAsync));
        Assert.Contains("n2:7000", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Node.Name", refusal.Message, StringComparison.Ordinal);
        Assert.True(run.IsBalanced());
    }

    [Fact]
    public void A_drain_asked_for_by_another_node_is_told_once_and_begins()
    {
        using var run = new MembershipRun(5);
        run.StartAll(3);
        var asked = 0;
        run.Nodes[1].Members.DrainRequested += () => asked++;
        Assert.True(run.Scheduler.Run(() => run.Nodes[0].Store.RequestDrainAsync("n2", CancellationToken.None)));
        run.Until(() => run.Count(run.Nodes[1]) == 0 && run.HasHomes, s_patience);
        run.Advance(2);
        Assert.Equal(1, asked);
        Assert.True(run.Scheduler.Run(() => run.Nodes[1].Members.DrainAsync(CancellationToken.None)));
        Assert.False(run.Scheduler.Run(() => run.Nodes[0].Store.RequestDrainAsync("n9", CancellationToken.None)));
    }

    [Fact]
    public void The_last_node_drains_at_once_and_the_next_one_takes_what_it_left()
    {
        using var run = new MembershipRun(9);
        run.StartAll(1);
        Assert.False(run.Scheduler.Run(() => run.Nodes[0].Members.DrainAsync(CancellationToken.None)));
        run.Scheduler.Run(() => run.Nodes[0].Members.DisposeAsync().AsTask());
        Assert.Equal(HomeKind.Unknown, run.Nodes[0].Members.Find(new ShardId(0, 1)).Kind);
        run.Nodes[0].IsRunning = false;
        run.Start("n1");
        run.Until(run.IsBalanced, TimeSpan.FromSeconds(0.5));
    }

    [Fact]
    public void A_drain_that_takes_too_long_ends_when_its_caller_says_so()
    {
        using var run = new MembershipRun(13);
        run.StartAll(2);
        run.Nodes[0].Store.IsCutOff = true;
        using var most = new CancellationTokenSource(TimeSpan.FromSeconds(1), run.Scheduler.Time);
        Assert.False(run.Scheduler.Run(() => run.Nodes[0].Members.DrainAsync(most.Token)));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_hand_over_that_happens_after_its_caller_gave_up_gives_no_shard_two_homes(int seed)
    {
        using var run = new MembershipRun(seed) { LostTells = 1 };
        run.StartAll(2);
        run.Nodes[0].Store.HandOversLate = run.Options.LeaseDuration * 0.4
            + TimeSpan.FromMilliseconds(20 * seed);
        run.Start("n3");
        run.Until(() => run.Nodes[0].Log.Lines.Any(line => line.Id == 3016), s_patience);
        run.Until(run.IsBalanced, s_patience);
        run.Nodes[0].Store.HandOversLate = TimeSpan.Zero;
        run.Advance(3);
        Assert.True(run.IsBalanced());
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_database_that_was_set_back_is_taken_at_its_word(int seed)
    {
        using var run = new MembershipRun(seed);
        run.StartAll(3);
        run.Advance(1);
        var restore = run.Database.Save();
        run.Start("n4");
        run.Until(run.IsBalanced, s_patience);

        // Until everybody has looked, two may think that they have a shard; what they write, the fence judges.
        run.IsChecking = false;
        restore();
        run.Advance(0.5);
        run.IsChecking = true;
        run.Until(run.IsBalanced, s_patience);
        Assert.Contains(run.Nodes.SelectMany(node => node.Log.Lines), line => line.Id == 3009);
        Assert.Contains(run.Nodes[3].Log.Lines, line => line.Id == 3006);
    }
}
