using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using MailCluster.Actors.Cluster;
using MailCluster.Frontend.Cluster;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;
using Xunit;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>Links over real TCP, all nodes in this process.</summary>
public sealed class NodeLinksTests
{
    private static readonly LinkOptions Impatient = new()
    {
        PingInterval = TimeSpan.FromMilliseconds(200),
        SilenceMax = TimeSpan.FromMilliseconds(1200),
        BackoffMin = TimeSpan.FromMilliseconds(10),
        BackoffMax = TimeSpan.FromMilliseconds(100),
    };

    private static readonly LinkOptions Eager = Impatient with { SilenceMax = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task Three_nodes_have_one_link_per_pair_that_the_higher_id_dialled()
    {
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2);
        await using var three = await LinkHost.StartAsync(3);

        await LinkHost.LinkAsync(one, two, three);

        Assert.Equal(["up 2.1 v1", "up 3.1 v1"], one.Heard.Events.Order());
        Assert.Equal(["up 1.1 v1", "up 3.1 v1"], two.Heard.Events.Order());
        Assert.Equal(["up 1.1 v1", "up 2.1 v1"], three.Heard.Events.Order());
        Assert.Equal([false, false, true, false, true, true], new[] { one, two, three }
            .SelectMany(host => host.Links.Status.Select(status => status.Dials)));
        Assert.All(new[] { one, two, three }, host => Assert.Equal(2, host.Figure("mailcluster.links.up")));
        Assert.All(one.Links.Status, status =>
        {
            Assert.NotNull(status.UpSince);
            Assert.Equal(1, status.WireVersion);
        });
    }

    [Fact]
    public async Task Frames_of_many_senders_arrive_in_each_ones_order_and_none_is_lost_both_ways()
    {
        const int senders = 8;
        const int each = 20_000;
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2);
        var faults = 0;
        foreach (var host in new[] { one, two })
        {
            var next = new int[senders];
            host.Heard.OnFrame = (_, frame) =>
            {
                var value = UInt64Value.Parser.ParseFrom(frame.Span).Value;
                var sender = (int)(value % senders);
                if (next[sender]++ != (int)(value / senders))
                {
                    Interlocked.Increment(ref faults);
                }
            };
        }

        await LinkHost.LinkAsync(one, two);
        await Task.WhenAll(new[] { (one, two), (two, one) }.SelectMany(pair => Enumerable.Range(0, senders).Select(
            sender => Task.Run(async () =>
            {
                for (var number = 0; number < each; number++)
                {
                    var frame = new UInt64Value { Value = ((ulong)number * senders) + (ulong)sender };
                    while (!pair.Item1.Links.TrySend(pair.Item2.Peer, frame))
                    {
                        await Task.Yield();
                    }
                }
            }))));

        await LinkHost.UntilAsync(() => one.Heard.Frames == senders * each && two.Heard.Frames == senders * each);
        Assert.Equal(0, faults);
        Assert.Equal(0, one.Heard.Overlaps + two.Heard.Overlaps);
        Assert.Equal(senders * each, one.Figure("mailcluster.links.frames.sent", "asks"));
        Assert.Equal(senders * each, one.Figure("mailcluster.links.frames.received", "asks"));
        Assert.True(one.Figure("mailcluster.links.octets.received", "asks") > senders * each * 6);
        Assert.True(
            one.Figure("mailcluster.links.flushes") < senders * each / 4, "Frames share flushes.");
    }

    [Fact]
    public async Task Frames_of_every_size_up_to_the_limit_arrive_whole_and_a_larger_one_is_not_taken()
    {
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2);
        var heard = new List<byte[]>();
        one.Heard.OnFrame = (_, frame) => heard.Add(frame.ToArray());
        await LinkHost.LinkAsync(one, two);

        // A BytesValue is its octets and 4 octets before them from 16 KiB on.
        int[] sizes = [0, 1, 4090, 4091, 4092, 16_379, 16_380, 16_384, 40_000, LinkFrames.OctetsMax - 4];
        var random = new Random(7);
        var sent = sizes.Select(size =>
        {
            var octets = new byte[size];
            random.NextBytes(octets);
            return new BytesValue { Value = ByteString.CopyFrom(octets) };
        }).ToList();
        foreach (var frame in sent)
        {
            Assert.True(two.Links.TrySend(one.Peer, frame));
        }

        Assert.Equal(LinkFrames.OctetsMax, sent[^1].CalculateSize());
        Assert.False(two.Links.TrySend(
            one.Peer, new BytesValue { Value = ByteString.CopyFrom(new byte[LinkFrames.OctetsMax - 3]) }));
        await LinkHost.UntilAsync(() => one.Heard.Frames == sizes.Length);
        Assert.Equal(sent.Select(frame => frame.ToByteArray()), heard);
        Assert.Equal(1, two.Figure("mailcluster.links.frames.refused", "too_long"));
    }

    [Fact]
    public async Task A_cut_link_is_down_once_on_each_side_and_comes_back_by_itself()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        await using var cable = new Cable(one.Port);
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.RowAt(cable.Address)]);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));

        for (var round = 1; round <= 3; round++)
        {
            cable.Cut();
            await LinkHost.UntilAsync(() => one.Heard.Count("up 2.1 v1") == round + 1
                && two.Heard.Count("up 1.1 v1") == round + 1 && two.Links.TrySend(
                    one.Peer, new StringValue { Value = FormattableString.Invariant($"round {round}") }));
            await LinkHost.UntilAsync(() => one.Heard.Count(FormattableString.Invariant($"round {round}")) == 1);
        }

        Assert.Equal(
            "up 2.1 v1,down 2.1,up 2.1 v1,round 1,down 2.1,up 2.1 v1,round 2,down 2.1,up 2.1 v1,round 3",
            string.Join(',', one.Heard.Events));
        Assert.Equal(3, two.Heard.Count("down 1.1"));
        Assert.Equal(3, two.Figure("mailcluster.links.reconnects"));
        Assert.Equal(3, two.Figure("mailcluster.links.ended", "lost"));
        Assert.Equal(1, two.Figure("mailcluster.links.up"));
    }

    [Fact]
    public async Task A_peer_that_says_nothing_any_more_is_dropped_and_linked_again_when_it_does()
    {
        await using var one = await LinkHost.StartAsync(1, options: Impatient);
        await using var two = await LinkHost.StartAsync(2, options: Impatient);
        await using var cable = new Cable(one.Port);
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.RowAt(cable.Address)]);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));

        cable.Freeze();
        await LinkHost.UntilAsync(() => one.Heard.Count("down 2.1") >= 1 && two.Heard.Count("down 1.1") >= 1);
        Assert.False(two.Links.TrySend(one.Peer, new StringValue()));
        Assert.True(two.Figure("mailcluster.links.ended", "silent") > 0);
        Assert.Contains(two.Log, line => line.Text.Contains("Silent", StringComparison.Ordinal));
        Assert.Equal(1, two.Figure("mailcluster.links.frames.refused", "no_link"));

        cable.Thaw();
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));
    }

    [Fact]
    public async Task An_idle_link_stays_up_by_pings_and_no_listener_hears_them()
    {
        await using var one = await LinkHost.StartAsync(1, options: Impatient);
        await using var two = await LinkHost.StartAsync(2, options: Impatient);
        await LinkHost.LinkAsync(one, two);

        // Each ping is one flush; together these are longer than the silence that would end the link.
        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.flushes") > 12);

        Assert.Equal(0, one.Heard.Frames + two.Heard.Frames);
        Assert.Equal(["up 2.1 v1"], one.Heard.Events);
        Assert.Equal(["up 1.1 v1"], two.Heard.Events);
    }

    [Fact]
    public async Task A_slow_reader_stops_its_sender_at_the_bound_and_costs_no_more_memory()
    {
        var options = new LinkOptions { WaitingOctetsMax = 1024 * 1024, SilenceMax = TimeSpan.FromMinutes(5) };
        await using var one = await LinkHost.StartAsync(1, options: options);
        await using var two = await LinkHost.StartAsync(2, options: options);
        using var gate = new ManualResetEventSlim();
        one.Heard.OnFrame = (_, _) => gate.Wait(TimeSpan.FromMinutes(1));
        await LinkHost.LinkAsync(one, two);

        var frame = new BytesValue { Value = ByteString.CopyFrom(new byte[8000]) };
        long accepted = 0;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await LinkHost.UntilAsync(() =>
        {
            while (two.Links.TrySend(one.Peer, frame))
            {
                accepted++;
            }

            return two.Figure("mailcluster.links.frames.refused", "full") > 100;
        });

        Assert.InRange(accepted * 8000, 1024 * 1024 - 16_000, 32 * 1024 * 1024);
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 16 * 1024 * 1024);
        Assert.True(two.Links.IsUp(one.Peer), "Back-pressure is no failure.");
        gate.Set();
        await LinkHost.UntilAsync(() => one.Heard.Frames == accepted);
        await LinkHost.UntilAsync(() => two.Links.TrySend(one.Peer, frame));
    }

    [Fact]
    public async Task Asks_overtake_bulk_that_waits()
    {
        var options = new LinkOptions { WaitingOctetsMax = 16 * 1024 * 1024, SilenceMax = TimeSpan.FromMinutes(5) };
        await using var one = await LinkHost.StartAsync(1, options: options);
        await using var two = await LinkHost.StartAsync(2, options: options);
        using var gate = new SemaphoreSlim(0);
        var (bulk, before) = (0, -1);
        one.Heard.OnFrame = (_, frame) =>
        {
            if (frame.Length > 100)
            {
                // The reader is slow until the sender has said all.
                Assert.True(bulk > 0 || gate.Wait(TimeSpan.FromMinutes(1)));
                bulk++;
            }
            else
            {
                before = bulk;
            }
        };
        await LinkHost.LinkAsync(one, two);

        var part = new BytesValue { Value = ByteString.CopyFrom(new byte[32_000]) };
        const int parts = 500;
        for (var sent = 0; sent < parts; sent++)
        {
            Assert.True(two.Links.TrySend(one.Peer, part, LinkLane.Bulk));
        }

        Assert.True(two.Links.TrySend(one.Peer, new StringValue { Value = "ask" }));
        gate.Release();
        await LinkHost.UntilAsync(() => one.Heard.Frames == parts + 1);
        Assert.Equal(parts, bulk);
        // What was in pipes and sockets already stays before it; what waited does not.
        Assert.InRange(before, 0, parts - 100);
    }

    [Fact]
    public async Task A_peer_under_a_new_incarnation_is_down_before_it_is_up_again()
    {
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2, incarnation: 5);
        await LinkHost.LinkAsync(one, two);

        var renewed = two.Row with { Incarnation = new Incarnation(6) };
        two.Links.Join(two.Identity with { Self = renewed.Peer });
        one.Links.Expect([renewed]);

        await LinkHost.UntilAsync(() => one.Links.IsUp(renewed.Peer) && two.Heard.Count("up 1.1 v1") == 2);
        Assert.Equal(["up 2.5 v1", "down 2.5", "up 2.6 v1"], one.Heard.Events);
        Assert.Equal(["up 1.1 v1", "down 1.1", "up 1.1 v1"], two.Heard.Events);
        Assert.False(one.Links.TrySend(two.Peer, new StringValue()));
    }

    [Fact]
    public async Task A_peer_that_is_not_expected_any_more_gets_what_waits_and_a_goodbye()
    {
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2);
        await LinkHost.LinkAsync(one, two);

        Assert.True(two.Links.TrySend(one.Peer, new StringValue { Value = "last" }));
        two.Links.Expect([]);

        await LinkHost.UntilAsync(() => one.Heard.Count("down 2.1") == 1 && two.Heard.Count("down 1.1") == 1);
        Assert.Equal(["up 2.1 v1", "last", "down 2.1"], one.Heard.Events);
        Assert.Equal(1, one.Figure("mailcluster.links.ended", "peer_left"));
        Assert.Equal(1, two.Figure("mailcluster.links.ended", "not_expected"));
        Assert.DoesNotContain(one.Log.Concat(two.Log), line => line.Level > LogLevel.Information);
    }

    [Fact]
    public async Task A_fault_in_the_listener_ends_the_link_and_the_next_one_works()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        one.Heard.OnFrame = (_, _) => throw new InvalidOperationException("planted");
        await LinkHost.LinkAsync(one, two);

        Assert.True(two.Links.TrySend(one.Peer, new StringValue { Value = "x" }));
        await LinkHost.UntilAsync(() => one.Heard.Count("up 2.1 v1") == 2 && two.Heard.Count("up 1.1 v1") == 2);

        Assert.Equal(1, one.Figure("mailcluster.links.ended", "listener_fault"));
        Assert.Contains(one.Log, line => line.Text.Contains("planted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_stops_says_goodbye_on_its_links_and_does_not_wait_for_them()
    {
        await using var two = await LinkHost.StartAsync(2);
        var one = await LinkHost.StartAsync(1);
        await LinkHost.LinkAsync(one, two);

        await one.StopServerAsync();
        await LinkHost.UntilAsync(() => two.Heard.Count("down 1.1") == 1);
        await one.DisposeAsync();

        Assert.Equal(1, two.Figure("mailcluster.links.ended", "peer_left"));
        Assert.Equal(["up 2.1 v1", "down 2.1"], one.Heard.Events);
    }
}
