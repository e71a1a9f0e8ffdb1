using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.Delivery;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Cluster.MailClusterRun;

namespace MailCluster.Actors.Tests.Cluster;

public sealed class ClusterDeliveryTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    [Fact]
    public void With_every_home_here_a_message_does_not_touch_spool_or_links()
    {
        var run = new MailClusterRun();
        run.Own(Bob, run.One);
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.One.DeliverAsync(Alice, Bob));
            Assert.Single(run.Database.Ended);
            Assert.Equal(0, run.Network.Arrived[0]);
        });
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-18")]
    public void A_message_for_a_mailbox_elsewhere_is_there_when_the_250_comes_which_is_soon()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice));
            Assert.Single(run.Database.Rows(Alice));
            Assert.Empty(run.Database.Spool.Rows);
            Assert.InRange(run.Scheduler.Time.Now - before, TimeSpan.Zero, Moment);
        });
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-18")]
    public void So_it_is_through_the_spool()
    {
        var run = new MailClusterRun(isForwarding: false);
        run.Scheduler.Run(async () =>
        {
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice));
            Assert.Single(run.Database.Rows(Alice));
            Assert.Empty(run.Database.Spool.Rows);
            Assert.Contains(run.Database.Ended, IsSpooling);
            Assert.InRange(run.Scheduler.Time.Now - before, TimeSpan.Zero, Moment);
        });
    }

    [Fact]
    public void A_message_of_which_all_mailboxes_have_one_other_home_is_committed_once_and_there()
    {
        var run = new MailClusterRun();
        run.Own(Bob, run.One);
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice, Bob));
            Assert.Single(run.Database.Ended);
            Assert.DoesNotContain(run.Database.Ended, IsSpooling);
            Assert.Single(run.Database.Rows(Alice));
            Assert.Single(run.Database.Rows(Bob));
        });
    }

    [Theory]
    [InlineData(1500)]
    [InlineData(5000)]
    public void An_answer_that_stays_away_makes_neither_a_second_copy_nor_a_451(int latency)
    {
        // 1.5 s: the home commits while the acceptor waits, or after it has given up. 5 s: the spool is first.
        var run = new MailClusterRun();
        run.Network.Latency = TimeSpan.FromMilliseconds(latency);
        run.Database.SlowLoads[Alice] = TimeSpan.FromMilliseconds(1500);
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice));
            await run.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Single(run.Database.Rows(Alice));
            Assert.Empty(run.Database.Spool.Rows);
            Assert.Equal(["body committed before"], run.Database.Refusals);
        });
    }

    [Fact]
    public void While_the_store_is_away_nothing_is_said_of_a_message_whose_home_may_yet_write_it()
    {
        var run = new MailClusterRun();
        run.Network.Latency = TimeSpan.FromSeconds(5);
        run.Scheduler.Run(async () =>
        {
            var verdict = run.Two.DeliverAsync(Alice);
            run.Database.IsUnreadable = true;
            run.Two.Lane.IsCutOff = true;
            run.Database.IsHeld = true;
            await run.WaitAsync(TimeSpan.FromMinutes(2));
            Assert.False(verdict.IsCompleted);

            // Reads are back first: that the body is not there yet is no answer either.
            run.Database.IsUnreadable = false;
            await run.WaitAsync(TimeSpan.FromSeconds(2));
            Assert.False(verdict.IsCompleted);
            run.Database.Resume();
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.Single(run.Database.Rows(Alice));
        });
    }

    [Fact]
    public void A_home_that_is_killed_with_a_message_that_was_sent_to_it_neither_loses_nor_doubles_it()
    {
        var ends = new List<(int Rows, bool IsSpooled)>();
        foreach (var (wait, durable) in new[] { (0, 0), (2, 0), (2, 1), (4, 0), (4, 1), (30, 0) })
        {
            var run = new MailClusterRun();
            run.Scheduler.Run(async () =>
            {
                await run.One.DeliverAsync(Alice);
                var body = run.Database.NextId();
                var verdict = run.Two.DeliverAsync(body, Alice);
                await run.WaitAsync(TimeSpan.FromMilliseconds(wait));
                var dead = run.One;
                run.Kill(dead, durable);
                await run.WaitAsync(TimeSpan.FromSeconds(3));
                run.Claim(dead, run.Nodes[^1]);
                Assert.Equal(AcceptVerdict.Committed, await verdict);
                await run.WaitAsync(TimeSpan.FromMinutes(1));
                Assert.Equal([Alice], run.Database.Committed(body));
                Assert.Empty(run.Database.Spool.Rows);
                ends.Add((run.Database.Rows(Alice).Count, run.Database.Ended.Exists(IsSpooling)));
            });
        }

        Assert.Contains((2, true), ends);
        Assert.Contains((2, false), ends);
    }

    [Fact]
    public void Of_those_who_were_removed_meanwhile_the_home_tells_and_of_slow_ones_too()
    {
        var run = new MailClusterRun();
        run.Own(Bob, run.One);
        run.Scheduler.Run(async () =>
        {
            run.Database.Remove(Bob);
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice, Bob));
            Assert.Single(run.Database.Rows(Alice));
            Assert.DoesNotContain(run.Database.Ended, IsSpooling);
            Assert.Equal(AcceptVerdict.Unavailable, await run.Three.DeliverAsync(Bob));

            run.Database.SlowLoads[Carol] = TimeSpan.FromSeconds(4);
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Carol));
            Assert.InRange(
                run.Scheduler.Time.Now - before, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(6));
            Assert.Single(run.Database.Rows(Carol));
            Assert.Contains(run.Database.Ended, IsSpooling);
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_known_of_its_octets_comes_with_it_on_either_way(bool isForwarding)
    {
        var run = new MailClusterRun(isForwarding: isForwarding);
        run.Scheduler.Run(async () =>
        {
            const MessageTraits Traits = MessageTraits.Binary | MessageTraits.Utf8Header;
            var message = new AcceptedMessage(
                run.Database.NextId(), new byte[9], 9, 0, 9, Envelopes.To(Alice), Traits);
            await run.Two.Acceptor.AcceptAsync(message, TimeSpan.FromSeconds(30), CancellationToken.None);
            var row = run.Database.Ended.SelectMany(unit => unit.Operations).OfType<StoreOperation.InsertMessage>();
            Assert.Equal(Traits, Assert.Single(row).Traits);
        });
    }

    [Fact]
    public void A_message_that_does_not_fit_into_a_frame_goes_through_the_spool()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            foreach (var (octets, isSpooled) in new[] { (60 * 1024, false), ((60 * 1024) + 1, true) })
            {
                run.Database.Ended.Clear();
                var message = new AcceptedMessage(
                    run.Database.NextId(), new byte[octets], octets, 0, (uint)octets, Envelopes.To(Alice));
                Assert.Equal(
                    AcceptVerdict.Committed,
                    await run.Two.Acceptor.AcceptAsync(message, TimeSpan.FromSeconds(30), CancellationToken.None));
                Assert.Equal(isSpooled, run.Database.Ended.Exists(IsSpooling));
            }

            Assert.Equal(2, run.Database.Rows(Alice).Count);
        });
    }

    [Fact]
    public void Recipients_of_several_homes_get_one_copy_each()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice, Bob, Carol));
            Assert.InRange(run.Scheduler.Time.Now - before, TimeSpan.Zero, Moment);
            Assert.All(new[] { Alice, Bob, Carol }, mailbox => Assert.Single(run.Database.Rows(mailbox)));
            Assert.Single(run.Database.Ended, unit => unit.Operations.OfType<StoreOperation.InsertSpool>().Any());
            Assert.Empty(run.Database.Refusals);
        });
    }

    [Fact]
    public void A_home_that_cannot_be_told_is_not_waited_for_and_finds_the_row_by_its_sweep()
    {
        var run = new MailClusterRun();
        run.Network.Partition(run.One.Self.Id, run.Two.Self.Id);
        run.Scheduler.Run(async () =>
        {
            await run.WaitAsync(TimeSpan.FromSeconds(5));
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice));
            Assert.InRange(run.Scheduler.Time.Now - before, TimeSpan.Zero, Moment);
            Assert.Empty(run.Database.Rows(Alice));
            await run.WaitAsync(TimeSpan.FromSeconds(6));
            Assert.Single(run.Database.Rows(Alice));
        });
    }

    [Fact]
    public void A_home_that_delivered_before_it_was_told_who_waits_tells_it()
    {
        var run = new MailClusterRun(isForwarding: false);
        run.Network.Latency = TimeSpan.FromSeconds(8);
        run.Scheduler.Run(async () =>
        {
            var before = run.Scheduler.Time.Now;
            Assert.Equal(AcceptVerdict.Committed, await run.Two.DeliverAsync(Alice));
            Assert.InRange(
                run.Scheduler.Time.Now - before, TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(17));
        });
    }

    [Fact]
    public void A_home_that_is_killed_between_the_commit_and_its_delivery_is_replaced_and_nothing_is_lost_or_doubled()
    {
        for (var durable = 0; durable < 2; durable++)
        {
            var run = new MailClusterRun(isForwarding: false);
            run.Scheduler.Run(async () =>
            {
                var verdict = run.Two.DeliverAsync(Alice);
                while (run.Database.Spool.Rows.Count == 0)
                {
                    await run.WaitAsync(TimeSpan.FromMilliseconds(1));
                }

                // The home is told and has the unit in its lane, or has not.
                await run.WaitAsync(TimeSpan.FromMilliseconds(4));
                var dead = run.One;
                run.Kill(dead, durable);
                await run.WaitAsync(TimeSpan.FromSeconds(3));
                Assert.False(verdict.IsCompleted);
                run.Claim(dead, run.Nodes[^1]);
                Assert.Equal(AcceptVerdict.Committed, await verdict);
                await run.WaitAsync(TimeSpan.FromMinutes(1));
                Assert.Single(run.Database.Rows(Alice));
                Assert.Empty(run.Database.Spool.Rows);
            });
        }
    }

    [Fact]
    public void The_node_that_accepted_may_die_after_the_commit()
    {
        var run = new MailClusterRun(isForwarding: false);
        run.Network.Partition(run.One.Self.Id, run.Two.Self.Id);
        run.Scheduler.Run(async () =>
        {
            await run.WaitAsync(TimeSpan.FromSeconds(5));
            _ = run.Two.DeliverAsync(Alice, Carol);
            while (run.Database.Spool.Rows.Count == 0)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(1));
            }

            run.Kill(run.Two);
            await run.WaitAsync(TimeSpan.FromSeconds(6));
            Assert.Single(run.Database.Rows(Alice));
            Assert.Single(run.Database.Rows(Carol));
        });
    }

    [Fact]
    public void A_home_that_does_not_know_yet_that_it_is_no_more_writes_nothing()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.One.DeliverAsync(Alice));
            var stale = run.One.Homes;
            run.Own(Alice, run.Three);
            var shard = MailCluster.Shared.Cluster.ShardId.Of(Alice);

            // It missed the change, as one that was stopped: its table says what it said.
            stale.Set(shard, new(HomeKind.Here, 1, run.One.Self));
            var numbers = run.Database.Rows(Alice).Select(row => new MessageNumber(row.Number)).ToArray();
            Assert.False(await run.One.DeleteAsync(Alice, numbers[0]));
            Assert.Equal(AcceptVerdict.Unavailable, await run.One.DeliverAsync(Alice));
            Assert.Equal(2, run.Database.FencedOff);
            Assert.Single(run.Database.Rows(Alice));
        });
    }

    [Fact]
    public void A_home_without_a_good_lease_shows_nothing()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            await run.One.DeliverAsync(Alice);
            run.One.Homes.HasLease = false;
            var failure = await Assert.ThrowsAsync<AskFailedException>(() => run.One.OpenAsync(Alice));
            Assert.Equal(AskFailure.NotHere, failure.Why);
            var opening = run.Two.OpenAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(2));
            Assert.False(opening.IsCompleted);

            // Nobody has claimed it: what it has loaded is true still.
            var loads = run.Database.Loads;
            run.One.Homes.HasLease = true;
            Assert.Single((await opening)!.Messages);
            Assert.Equal(loads, run.Database.Loads);
        });
    }

    [Fact]
    public void A_node_without_a_lease_accepts_when_the_commit_says_so_and_else_451()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            run.One.Homes.HasLease = false;
            run.One.Lane.IsCutOff = true;
            Assert.Equal(AcceptVerdict.Unavailable, await run.One.DeliverAsync(Alice));
            run.One.Lane.IsCutOff = false;
            var verdict = run.One.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(1));
            run.One.Homes.HasLease = true;
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.Single(run.Database.Rows(Alice));
        });
    }

    [Fact]
    public void A_delivery_that_holds_a_mailbox_for_another_does_not_hold_up_its_move()
    {
        var run = new MailClusterRun();
        run.Own(Bob, run.One);
        run.Scheduler.Run(async () =>
        {
            await run.One.DeliverAsync(Alice, Bob);
            run.Database.Breaking.Add(Bob);
            var verdict = run.One.DeliverAsync(Alice, Bob);
            var before = run.Scheduler.Time.Now;
            await run.MoveAsync(Alice, run.Three);
            Assert.InRange(run.Scheduler.Time.Now - before, TimeSpan.Zero, TimeSpan.FromMilliseconds(500));
            run.Database.Breaking.Clear();
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            await run.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(2, run.Database.Rows(Alice).Count);
            Assert.Equal(2, run.Database.Rows(Bob).Count);
        });
    }

    private static bool IsSpooling(CommitUnit unit) => unit.Operations.OfType<StoreOperation.InsertSpool>().Any();
}
