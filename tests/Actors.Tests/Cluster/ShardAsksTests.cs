using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

public sealed class ShardAsksTests
{
    private static readonly MailboxId Alice = new(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly SeededScheduler _scheduler = new(7);
    private readonly SimulatedNetwork _network;
    private readonly AskingNode _one;
    private readonly AskingNode _two;
    private readonly AskingNode _three;

    public ShardAsksTests()
    {
        _network = new SimulatedNetwork(_scheduler);
        _one = Node(1);
        _two = Node(2);
        _three = Node(3);
        foreach (var node in new[] { _one, _two, _three })
        {
            node.Links.Expect([_one.Homes.Self, _two.Homes.Self, _three.Homes.Self]);
        }

        _scheduler.Advance(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_local_ask_touches_no_link()
    {
        _one.Homes.Here(Alice, 1);
        Assert.Equal(-1, Ask());
        Assert.Equal(0, _network.Arrived[0]);
    }

    [Fact]
    public void A_remote_ask_is_answered_by_its_home()
    {
        AtTwo(1);
        Assert.Equal(1, Ask());
        Assert.Equal(2, Ask());
        Assert.Equal(0, _three.Handled);
    }

    [Fact]
    public void Answers_go_to_who_asked_whatever_their_order()
    {
        AtTwo(1);
        _scheduler.Run(async () =>
        {
            _two.AnswerTime = TimeSpan.FromMilliseconds(50);
            var first = _one.AskAsync(Alice, Deadline);
            await Task.Delay(TimeSpan.FromMilliseconds(10), _scheduler.Time);
            _two.AnswerTime = TimeSpan.Zero;
            Assert.Equal(2, await _one.AskAsync(Alice, Deadline));
            Assert.False(first.IsCompleted);
            Assert.Equal(1, await first);
        });
    }

    [Fact]
    public void A_wrong_home_that_knows_the_right_one_is_followed_at_once()
    {
        _one.Homes.There(Alice, _two.Homes.Self, 1);
        _two.Homes.There(Alice, _three.Homes.Self, 2);
        _three.Homes.Here(Alice, 2);
        var before = _scheduler.Time.Now;
        Assert.Equal(1, Ask());
        Assert.Equal(0, _two.Handled);
        Assert.InRange(_scheduler.Time.Now - before, TimeSpan.Zero, TimeSpan.FromMilliseconds(5));
    }

    [Fact]
    public void Two_nodes_that_point_at_each_other_are_asked_in_pauses_until_one_knows()
    {
        _one.Homes.There(Alice, _two.Homes.Self, 1);
        _two.Homes.There(Alice, _three.Homes.Self, 1);
        _three.Homes.There(Alice, _two.Homes.Self, 1);
        _scheduler.Run(async () =>
        {
            var answer = _one.AskAsync(Alice, Deadline);
            await Task.Delay(TimeSpan.FromSeconds(1), _scheduler.Time);
            Assert.False(answer.IsCompleted);
            Assert.InRange(_network.Arrived[0], 2, 40);
            _three.Homes.Here(Alice, 2);
            _two.Homes.There(Alice, _three.Homes.Self, 2);
            Assert.Equal(1, await answer);
        });
    }

    [Fact]
    public void An_ask_waits_while_its_shard_moves_and_goes_to_the_new_home()
    {
        _one.Homes.Moving(Alice, 1);
        _scheduler.Run(async () =>
        {
            var answer = _one.AskAsync(Alice, Deadline);
            await Task.Delay(TimeSpan.FromSeconds(2), _scheduler.Time);
            Assert.False(answer.IsCompleted);
            _three.Homes.Here(Alice, 2);
            _one.Homes.There(Alice, _three.Homes.Self, 2);
            Assert.Equal(1, await answer);
            Assert.InRange(
                _scheduler.Time.Now, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3) + TimeSpan.FromMilliseconds(5));
        });
    }

    [Fact]
    public void A_wait_ends_with_its_deadline()
    {
        _one.Homes.Moving(Alice, 1);
        Assert.Equal(AskFailure.DeadlinePassed, WhyNot());
        Assert.Equal(TimeSpan.FromSeconds(1) + Deadline, _scheduler.Time.Now);
    }

    [Fact]
    public void No_more_asks_wait_than_may()
    {
        var node = Node(9, new ShardAsksOptions { WaitsMax = 3 });
        node.Homes.Moving(Alice, 1);
        _scheduler.Run(async () =>
        {
            var waiting = Enumerable.Range(0, 3).Select(_ => node.AskAsync(Alice, Deadline)).ToArray();
            var failure = await Assert.ThrowsAsync<AskFailedException>(() => node.AskAsync(Alice, Deadline));
            Assert.Equal(AskFailure.MailboxFull, failure.Why);
            node.Homes.Here(Alice, 2);
            Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(-1, answer));
        });
    }

    [Fact]
    public void Nobody_waits_where_the_node_cannot_tell()
    {
        Assert.Equal(AskFailure.NotHere, WhyNot());
        Assert.Equal(TimeSpan.FromSeconds(1), _scheduler.Time.Now);
    }

    [Fact]
    public void An_ask_whose_link_is_lost_fails_at_once_when_asking_again_could_do_harm()
    {
        AtTwo(1);
        _two.AnswerTime = TimeSpan.FromSeconds(5);
        _scheduler.Run(async () =>
        {
            var answer = _one.AskAsync(Alice, Deadline, isRepeatable: false);
            await Task.Delay(TimeSpan.FromSeconds(1), _scheduler.Time);
            _network.Cut(_one.Homes.Self.Id, _two.Homes.Self.Id);
            var failure = await Assert.ThrowsAsync<AskFailedException>(() => answer);
            Assert.Equal(AskFailure.Interrupted, failure.Why);
            Assert.InRange(
                _scheduler.Time.Now, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2) + TimeSpan.FromMilliseconds(1));
        });
    }

    [Fact]
    public void One_that_does_no_harm_twice_is_asked_again_at_the_new_home()
    {
        AtTwo(1);
        _two.AnswerTime = TimeSpan.FromSeconds(5);
        _scheduler.Run(async () =>
        {
            var answer = _one.AskAsync(Alice, Deadline);
            await Task.Delay(TimeSpan.FromSeconds(1), _scheduler.Time);
            _network.Crash(_two.Homes.Self);
            await Task.Delay(TimeSpan.FromSeconds(2), _scheduler.Time);
            Assert.False(answer.IsCompleted);
            _three.Homes.Here(Alice, 2);
            _one.Homes.There(Alice, _three.Homes.Self, 2);
            Assert.Equal(1, await answer);
            Assert.Equal(1, _two.Handled);
        });
    }

    [Fact]
    public void A_home_that_cannot_be_reached_is_asked_as_soon_as_it_can()
    {
        AtTwo(1);
        _network.Partition(_one.Homes.Self.Id, _two.Homes.Self.Id);
        _scheduler.Advance(TimeSpan.FromSeconds(5));
        _scheduler.Run(async () =>
        {
            var answer = _one.AskAsync(Alice, Deadline, isRepeatable: false);
            await Task.Delay(TimeSpan.FromSeconds(2), _scheduler.Time);
            Assert.False(answer.IsCompleted);
            _network.Heal(_one.Homes.Self.Id, _two.Homes.Self.Id);
            Assert.Equal(1, await answer);
        });
    }

    [Fact]
    public void No_more_asks_wait_for_a_node_than_may()
    {
        var node = Node(9, new ShardAsksOptions { AsksMax = 2 });
        node.Homes.There(Alice, _two.Homes.Self, 1);
        AtTwo(1);
        node.Links.Expect([_two.Homes.Self]);
        _two.Links.Expect([_one.Homes.Self, node.Homes.Self]);
        _scheduler.Advance(TimeSpan.FromSeconds(1));
        _two.AnswerTime = TimeSpan.FromSeconds(1);
        _scheduler.Run(async () =>
        {
            var waiting = Enumerable.Range(0, 2).Select(_ => node.AskAsync(Alice, Deadline)).ToArray();
            var failure = await Assert.ThrowsAsync<AskFailedException>(() => node.AskAsync(Alice, Deadline));
            Assert.Equal(AskFailure.MailboxFull, failure.Why);
            await Task.WhenAll(waiting);
            await node.AskAsync(Alice, Deadline);
        });
    }

    [Fact]
    public void What_a_node_does_not_understand_is_answered_as_that()
    {
        var failure = _scheduler.Run(() => Assert.ThrowsAsync<AskFailedException>(
            () => _one.Asks.AskAsync(
                _two.Homes.Self, new Envelope { OpenMaildrop = new OpenMaildrop() }, Deadline).AsTask()));
        Assert.Equal(AskFailure.Failed, failure.Why);
    }

    [Fact]
    public void A_frame_that_cannot_be_read_harms_nothing()
    {
        AtTwo(1);
        ((ILinkListener)_two.Asks).Received(_one.Homes.Self, new byte[] { 0xFF, 0xFF, 0xFF });
        ((ILinkListener)_two.Asks).Received(_one.Homes.Self, ReadOnlyMemory<byte>.Empty);
        Assert.Equal(1, Ask());
    }

    private AskingNode Node(int id, ShardAsksOptions? options = null) =>
        new(_network, _scheduler, new NodePeer(new(id), new(id)), options);

    private void AtTwo(long epoch)
    {
        _one.Homes.There(Alice, _two.Homes.Self, epoch);
        _two.Homes.Here(Alice, epoch);
    }

    private long Ask() => _scheduler.Run(() => _one.AskAsync(Alice, Deadline));

    private AskFailure WhyNot() => _scheduler.Run(
        () => Assert.ThrowsAsync<AskFailedException>(() => _one.AskAsync(Alice, Deadline))).Why;
}
