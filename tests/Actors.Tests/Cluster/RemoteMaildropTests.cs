using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Cluster.MailClusterRun;

namespace MailCluster.Actors.Tests.Cluster;

public sealed class RemoteMaildropTests
{
    private const int Many = 100_000;
    private static readonly MailboxId Large = new(9);

    [Fact]
    public void A_maildrop_is_opened_and_emptied_from_any_node()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.One.DeliverAsync(Alice));
            Assert.Equal(AcceptVerdict.Committed, await run.One.DeliverAsync(Alice));
            var opened = await run.Two.OpenAsync(Alice);
            Assert.Equal(
                run.Database.Rows(Alice).Select(row => row.Number),
                opened!.Messages.Select(entry => entry.Number.Value));
            Assert.Equal(new MaildropTotals(2, 200), await run.Three.Maildrops.ShowAsync(Alice, default));
            Assert.True(await run.Two.DeleteAsync(Alice, opened.Messages[0].Number));
            Assert.Equal(opened.Messages[1].Number.Value, Assert.Single(run.Database.Rows(Alice)).Number);

            // As by a session that had marked it too.
            Assert.True(await run.Three.DeleteAsync(Alice, opened.Messages[0].Number));
            Assert.Equal(2, opened.Messages.Length);
            Assert.Single((await run.Two.OpenAsync(Alice))!.Messages);
        });
    }

    [Fact]
    public void A_mailbox_that_does_not_exist_does_not_exist_on_any_node()
    {
        var run = new MailClusterRun();
        run.Database.Remove(Alice);
        run.Scheduler.Run(async () =>
        {
            Assert.Null(await run.Two.OpenAsync(Alice));
            Assert.Null(await run.Two.Maildrops.ShowAsync(Alice, default));
        });
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0004")]
    public void A_thousand_sessions_on_another_node_take_one_stream_and_hold_one_snapshot()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var opening = Enumerable.Range(0, 1000).Select(_ => run.Two.OpenAsync(Large)).ToArray();
            var opened = await Task.WhenAll(opening);
            Assert.All(opened, snapshot => Assert.Same(opened[0], snapshot));
            Assert.Equal(await run.One.OpenAsync(Large), opened[0]!, Same);
            var perMessage = run.Network.ArrivedOctets[(int)LinkLane.Bulk] / (double)Many;
            Assert.InRange(perMessage, 4, 20);

            // Who comes later takes no stream as long as nothing has changed.
            var before = run.Network.Arrived[(int)LinkLane.Bulk];
            Assert.Same(opened[0], await run.Two.OpenAsync(Large));
            Assert.Equal(before, run.Network.Arrived[(int)LinkLane.Bulk]);
        });
    }

    [Fact]
    public void An_opening_that_begins_after_a_delivery_shows_it_though_another_is_under_way()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var first = run.Two.OpenAsync(Large);
            await run.WaitAsync(TimeSpan.FromMilliseconds(3));
            Assert.False(first.IsCompleted);
            Assert.Equal(AcceptVerdict.Committed, await run.One.DeliverAsync(Large));
            Assert.Equal(Many + 1, (await run.Two.OpenAsync(Large))!.Messages.Length);
            Assert.InRange((await first)!.Messages.Length, Many, Many + 1);
        });
    }

    [Fact]
    public void Parts_are_sent_no_faster_than_they_are_read()
    {
        var run = WithLarge(new MaildropLinkOptions { PartsAhead = 2 });
        run.Network.Latency = TimeSpan.FromMilliseconds(10);
        run.Network.Jitter = TimeSpan.Zero;
        run.Scheduler.Run(async () =>
        {
            var opening = run.Two.OpenAsync(Large);
            var most = 0;
            for (var arrived = 0; !opening.IsCompleted; arrived = run.Network.Arrived[(int)LinkLane.Bulk])
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(10));
                most = Math.Max(most, run.Network.Arrived[(int)LinkLane.Bulk] - arrived);
            }

            Assert.Equal(Many, (await opening)!.Messages.Length);
            Assert.InRange(most, 1, 2);
        });
    }

    [Fact]
    public void A_home_that_dies_in_the_middle_of_a_stream_is_followed_by_the_next_one()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var opening = run.Two.OpenAsync(Large);
            while (run.Network.Arrived[(int)LinkLane.Bulk] == 0)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(1));
            }

            var dead = run.One;
            run.Kill(dead);
            await run.WaitAsync(TimeSpan.FromSeconds(3));
            Assert.False(opening.IsCompleted);
            run.Claim(dead, run.Nodes[^1]);
            Assert.Equal(Many, (await opening)!.Messages.Length);
        });
    }

    [Fact]
    public void A_stream_goes_on_when_its_mailbox_moves_and_the_snapshot_stays()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var opening = run.Two.OpenAsync(Large);
            while (run.Network.Arrived[(int)LinkLane.Bulk] == 0)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(1));
            }

            await run.MoveAsync(Large, run.Three);
            var snapshot = (await opening)!;
            Assert.Equal(Many, snapshot.Messages.Length);
            Assert.True(await run.Two.DeleteAsync(Large, snapshot.Messages[7].Number));
            Assert.Equal(Many, snapshot.Messages.Length);
            Assert.Equal(Many - 1, run.Database.Rows(Large).Count);
        });
    }

    [Fact]
    public void A_large_removal_goes_in_parts_and_is_one_commit()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var snapshot = (await run.Two.OpenAsync(Large))!;
            var half = snapshot.Messages.Where((_, i) => i % 2 == 0).Select(entry => entry.Number);
            Assert.True(await run.Two.DeleteAsync(Large, [.. half]));
            Assert.Equal(Many / 2, run.Database.Rows(Large).Count);
            Assert.Single(run.Database.Ended);
        });
    }

    [Fact]
    public void A_home_that_sends_enough_streams_already_is_asked_again()
    {
        var run = WithLarge(new MaildropLinkOptions { StreamsMax = 1 });
        var other = new MailboxId(10);
        Add(run, other);
        run.Own(other, run.One);
        run.Scheduler.Run(async () =>
        {
            var opened = await Task.WhenAll(
                run.Two.OpenAsync(Large), run.Two.OpenAsync(other), run.Three.OpenAsync(other));
            Assert.All(opened, snapshot => Assert.Equal(Many, snapshot!.Messages.Length));
        });
    }

    [Fact]
    public void A_stream_that_nobody_reads_any_more_is_given_up()
    {
        var run = WithLarge();
        run.Scheduler.Run(async () =>
        {
            var opening = run.Two.OpenAsync(Large);
            while (run.Network.Arrived[(int)LinkLane.Bulk] == 0)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(1));
            }

            run.Network.Partition(run.One.Self.Id, run.Two.Self.Id);
            await Assert.ThrowsAsync<AskFailedException>(() => opening);
            run.Network.Heal(run.One.Self.Id, run.Two.Self.Id);
            Assert.Equal(Many, (await run.Two.OpenAsync(Large))!.Messages.Length);
        });
    }

    [Fact]
    public void Foreign_unique_ids_come_along()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            for (var i = 0; i < 3; i++)
            {
                await run.One.Importer.ImportAsync(new(
                    Alice, $"key{i}", new MessageOrigin(DateTimeOffset.UnixEpoch, MessageAttributes.Seen, $"uid.{i}"),
                    run.Database.NextId(), new byte[100], 100, 0, 103), home: null);
                await run.One.DeliverAsync(Alice);
            }

            var here = (await run.One.OpenAsync(Alice))!;
            var there = (await run.Three.OpenAsync(Alice))!;
            Assert.Equal(here, there, Same);
            Assert.Equal("uid.1"u8, there.ForeignUniqueIds!.Of(there.Messages[2].Number));
        });
    }

    private static bool Same(MaildropSnapshot? one, MaildropSnapshot? other) =>
        one!.Generation == other!.Generation && one.Mailbox == other.Mailbox
        && one.Messages.AsSpan().SequenceEqual(other.Messages.AsSpan())
        && one.Messages.All(entry => UniqueId(one, entry).SequenceEqual(UniqueId(other, entry)));

    private static ReadOnlySpan<byte> UniqueId(MaildropSnapshot snapshot, MessageEntry entry) =>
        snapshot.ForeignUniqueIds is { } ids ? ids.Of(entry.Number) : default;

    private static MailClusterRun WithLarge(MaildropLinkOptions? options = null)
    {
        var run = new MailClusterRun(options: options);
        Add(run, Large);
        run.Own(Large, run.One);
        return run;
    }

    /// <summary>As mail comes in: some seconds apart, of different sizes.</summary>
    private static void Add(MailClusterRun run, MailboxId mailbox) => run.Database.Add(mailbox,
    [
        .. Enumerable.Range(1, Many).Select(i => new MessageEntry(
            new MessageNumber(MessageNumber.First + (i * 7_654_321L)), new BodyId((i * 64L) + (i % 7)),
            (uint)(2_000 + (i * 37 % 50_000)), (uint)(2_000 + (i * 37 % 50_000) + (i % 90)))),
    ]);
}
