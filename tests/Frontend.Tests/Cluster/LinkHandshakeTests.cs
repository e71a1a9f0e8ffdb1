using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using MailCluster.Frontend.Cluster;
using Microsoft.Extensions.Logging;
using Xunit;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>Who does not belong on the port of links, or at the address of a peer.</summary>
public sealed class LinkHandshakeTests
{
    private static readonly LinkOptions Eager = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10),
        BackoffMax = TimeSpan.FromMilliseconds(100),
        SilenceMax = TimeSpan.FromSeconds(30),
        HandshakeTimeout = TimeSpan.FromSeconds(10),
    };

    [Fact]
    public async Task Nodes_of_two_clusters_do_not_link_and_both_say_why()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager, cluster: "another");
        await FailsAsync(one, two, "cluster");
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("another cluster", StringComparison.Ordinal));
        Assert.Contains("another cluster", two.StatusOf(one).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stale_incarnation_is_refused_and_linked_once_the_table_is_read_again()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, incarnation: 3, options: Eager);
        one.Links.Expect([two.Row with { Incarnation = new(2) }]);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", "incarnation") > 0);
        Assert.Empty(one.Heard.Events);
        Assert.Empty(two.Heard.Events);

        one.Links.Expect([two.Row]);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));
    }

    [Fact]
    public async Task A_dialled_node_of_another_incarnation_than_expected_is_not_taken()
    {
        await using var one = await LinkHost.StartAsync(1, incarnation: 9, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row with { Incarnation = new(8) }]);

        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", "incarnation") > 1);
        Assert.Empty(two.Heard.Events);
        // Who was dialled waits for the first frame, and that never came.
        Assert.Empty(one.Heard.Events);
    }

    [Fact]
    public async Task A_node_that_is_not_in_the_table_yet_links_once_it_is()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", "unknown_node") > 0);

        one.Links.Expect([two.Row]);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));
    }

    [Fact]
    public async Task A_node_that_has_not_joined_refuses_and_links_once_it_has()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager, joins: false);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", "not_joined") > 0);

        one.Links.Join(one.Identity);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(one.Peer));
    }

    [Fact]
    public async Task Neighbouring_versions_link_in_the_older_and_others_do_not()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager, oldest: 1, newest: 2);
        await using var two = await LinkHost.StartAsync(2, options: Eager, oldest: 2, newest: 3);
        await using var three = await LinkHost.StartAsync(3, options: Eager, oldest: 3, newest: 4);
        one.Links.Expect([two.Row, three.Row]);
        two.Links.Expect([one.Row, three.Row]);
        three.Links.Expect([one.Row, two.Row]);

        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer) && two.Links.IsUp(three.Peer)
            && three.Figure("mailcluster.links.dial.failures", "version") > 0);
        Assert.Contains("up 2.1 v2", one.Heard.Events);
        Assert.Contains("up 3.1 v3", two.Heard.Events);
        Assert.False(one.Links.IsUp(three.Peer));
        Assert.Contains("wire versions 1 to 2", three.StatusOf(one).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_wrong_node_at_an_address_is_not_taken()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        await using var three = await LinkHost.StartAsync(3, options: Eager);
        two.Links.Expect([three.Row]);
        three.Links.Expect([one.RowAt(two.Row.Address)]);

        await LinkHost.UntilAsync(() => three.Figure("mailcluster.links.dial.failures", "unknown_node") > 1);
        Assert.False(three.Links.IsUp(one.Peer));
        Assert.Empty(two.Heard.Events);
        Assert.Contains("node 2", three.StatusOf(one).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_nobody_can_reach_is_told_with_its_remedy_and_used_once_it_is_mended()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(
            2, options: Eager with { NotDialledAfter = TimeSpan.FromMilliseconds(1) });
        await using var three = await LinkHost.StartAsync(3, options: Eager);
        int closed;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            closed = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        two.Links.Expect([three.Row]);
        three.Links.Expect(
            [one.RowAt("not an address"), two.RowAt(FormattableString.Invariant($"127.0.0.1:{closed}"))]);
        await LinkHost.UntilAsync(() => three.Figure("mailcluster.links.dial.failures", "unreachable") > 4
            && two.StatusOf(three).LastError is not null);
        Assert.All(three.Links.Status, status =>
        {
            Assert.Null(status.UpSince);
            Assert.Contains("Node.AdvertisedAddress", status.LastError, StringComparison.Ordinal);
        });
        Assert.Equal(2, three.Log.Count(line => line.Level == LogLevel.Warning));
        Assert.Contains("it is the one that dials", two.StatusOf(three).LastError, StringComparison.Ordinal);
        Assert.Empty(three.Heard.Events);

        three.Links.Expect([two.Row]);
        await LinkHost.UntilAsync(() => two.Links.IsUp(three.Peer) && three.Links.IsUp(two.Peer));
    }

    [Fact]
    public async Task A_peer_that_dials_but_cannot_be_dialled_is_told_of_before_the_next_node_needs_it()
    {
        var options = Eager with { WarningInterval = TimeSpan.FromMilliseconds(50) };
        await using var one = await LinkHost.StartAsync(1, options: options);
        await using var two = await LinkHost.StartAsync(2, options: options);
        int closed;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            closed = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        one.Links.Expect([two.RowAt(FormattableString.Invariant($"127.0.0.1:{closed}"))]);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => one.Links.IsUp(two.Peer)
            && one.Figure("mailcluster.links.address.failures") > 1);
        Assert.Contains("Node.AdvertisedAddress", one.StatusOf(two).LastError, StringComparison.Ordinal);
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("is linked, but nodes that join after it will not be", StringComparison.Ordinal));

        one.Links.Expect([two.Row]);
        await LinkHost.UntilAsync(() => one.StatusOf(two).LastError is null);
        Assert.Equal(["up 2.1 v1"], one.Heard.Events);
    }

    public static TheoryData<string, string> Garbage => new()
    {
        { "474554202f20485454502f312e310d0a486f73743a20610d0a0d0a", "not_a_link" },
        { "0000000005", "not_a_link" },
        { "0000000003", "not_a_link" },
        { "0000100101", "not_a_link" },
        { "ffffffff01", "not_a_link" },
        { "0000000201ffff", "not_a_link" },
        { "0000000602080410011802", "version" },
        { "00", "closed_early" },
        { "", "closed_early" },
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_on_the_port_is_closed_without_a_word(string octets, string reason)
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);

        Assert.Equal(0, await SendAsync(one, Convert.FromHexString(octets)));

        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.handshakes.refused", reason) == 1);
        Assert.Equal(1, one.Figure("mailcluster.links.handshakes.refused"));
    }

    [Fact]
    public async Task A_thousand_strangers_make_one_warning_per_kind_and_the_link_stands()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        await using var two = await LinkHost.StartAsync(2, options: Eager);
        await LinkHost.LinkAsync(one, two);

        for (var stranger = 0; stranger < 1000; stranger++)
        {
            Assert.Equal(0, await SendAsync(one, stranger % 2 == 0 ? "EHLO a.test\r\n"u8.ToArray() : []));
        }

        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.handshakes.refused") == 1000);
        Assert.InRange(one.Log.Count(line => line.Level >= LogLevel.Warning), 1, 2);
        Assert.Equal(["up 2.1 v1"], one.Heard.Events);
    }

    [Fact]
    public async Task Connections_that_say_nothing_are_bounded_in_number_and_time()
    {
        await using var one = await LinkHost.StartAsync(
            1, options: Eager with { HandshakesMax = 4, HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        var silent = new List<TcpClient>();
        for (var stranger = 0; stranger < 8; stranger++)
        {
            silent.Add(await ConnectAsync(one));
        }

        await Task.WhenAll(silent.Select(async client => Assert.Equal(0, await ReadAsync(client))));
        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.handshakes.refused") == 8);
        Assert.True(one.Figure("mailcluster.links.handshakes.refused", "handshake_timeout") >= 4);
        silent.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData("0001000103")]
    [InlineData("0000000009")]
    [InlineData("0000000001")]
    [InlineData("0000000002")]
    public async Task A_peer_that_breaks_the_framing_is_dropped(string octets)
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        one.Links.Expect([one.Row with { Id = new(2), Name = "two" }]);
        using var client = await ConnectAsync(one, [.. HelloAndPing(one), .. Convert.FromHexString(octets)]);

        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.ended", "broken") == 1);
        Assert.Equal(["up 2.1 v1", "down 2.1"], one.Heard.Events);
        Assert.Equal(0, one.Heard.Frames);
    }

    [Fact]
    public async Task A_peer_that_dials_again_replaces_the_link_that_it_has_lost()
    {
        await using var one = await LinkHost.StartAsync(1, options: Eager);
        one.Links.Expect([one.Row with { Id = new(2), Name = "two" }]);
        using var old = await ConnectAsync(one, HelloAndPing(one));
        await LinkHost.UntilAsync(() => one.Heard.Count("up 2.1 v1") == 1);

        using var next = await ConnectAsync(one, HelloAndPing(one));

        await LinkHost.UntilAsync(() => one.Heard.Count("up 2.1 v1") == 2);
        Assert.Equal(["up 2.1 v1", "down 2.1", "up 2.1 v1"], one.Heard.Events);
        Assert.Equal(1, one.Figure("mailcluster.links.ended", "replaced"));
    }

    [Theory]
    [InlineData("a.test:7000", "a.test", 7000)]
    [InlineData("192.0.2.1:1", "192.0.2.1", 1)]
    [InlineData("[2001:db8::1]:65535", "2001:db8::1", 65535)]
    [InlineData("a.test", null, 0)]
    [InlineData("a.test:", null, 0)]
    [InlineData("a.test:0", null, 0)]
    [InlineData("a.test:65536", null, 0)]
    [InlineData(":7000", null, 0)]
    [InlineData("2001:db8::1:7000", null, 0)]
    public void An_address_is_host_and_port(string address, string? host, int port) =>
        Assert.Equal(host is null ? null : (host, port), LinkDialer.Parse(address));

    private static async Task FailsAsync(LinkHost one, LinkHost two, string reason)
    {
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", reason) > 0
            && one.Figure("mailcluster.links.handshakes.refused", reason) > 0);
        Assert.Empty(one.Heard.Events);
        Assert.Empty(two.Heard.Events);
    }

    private static async Task<TcpClient> ConnectAsync(LinkHost host, byte[]? octets = null)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host.Port);
        await client.Client.SendAsync(octets ?? []);
        return client;
    }

    /// <summary>As node 2 says them.</summary>
    private static byte[] HelloAndPing(LinkHost host)
    {
        var hello = (host.Identity with { Self = new(new(2), new(1)) }).ToHello();
        return [0, 0, 0, (byte)hello.CalculateSize(), 1, .. hello.ToByteArray(), 0, 0, 0, 0, 5];
    }

    /// <summary>What came back.</summary>
    private static async Task<int> SendAsync(LinkHost host, byte[] octets)
    {
        using var client = await ConnectAsync(host, octets);
        client.Client.Shutdown(SocketShutdown.Send);
        return await ReadAsync(client);
    }

    private static async Task<int> ReadAsync(TcpClient client)
    {
        try
        {
            return await client.Client.ReceiveAsync(new byte[1]);
        }
        catch (SocketException)
        {
            // A reset says nothing either.
            return 0;
        }
    }
}
