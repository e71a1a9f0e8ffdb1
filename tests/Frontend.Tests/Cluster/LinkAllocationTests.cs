using Google.Protobuf.WellKnownTypes;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using Xunit;

namespace MailCluster.Frontend.Tests.Cluster;

[Collection(nameof(Alone))]
public sealed class LinkAllocationTests
{
    private const int Frames = 200_000;

    /// <summary>So few that what waits fits into the blocks that are at hand; more would take new ones.</summary>
    private const int Rush = 1000;

    [Fact]
    public async Task A_frame_allocates_nothing_on_its_way()
    {
        await using var one = await LinkHost.StartAsync(1);
        await using var two = await LinkHost.StartAsync(2);
        var heard = new FrameCount();
        one.Links.Listen(heard);
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row]);
        await LinkHost.UntilAsync(() => two.Links.IsUp(one.Peer));
        var frame = new StringValue { Value = new string('x', 40) };
        await SendAsync(one, two, frame, heard);
        var least = double.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await SendAsync(one, two, frame, heard);
            least = Math.Min(least, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Frames);
        }

        // No object is smaller than 24 octets; what there is comes with each write of many frames.
        Assert.True(least < 24, FormattableString.Invariant($"{least:F1} B per frame"));
    }

    private static async Task SendAsync(LinkHost one, LinkHost two, StringValue frame, FrameCount heard)
    {
        for (var round = 0; round < Frames / Rush; round++)
        {
            var target = heard.Frames + Rush;
            for (var sent = 0; sent < Rush; sent++)
            {
                Assert.True(two.Links.TrySend(one.Peer, frame));
            }

            await LinkHost.UntilAsync(() => heard.Frames == target);
        }
    }

    private sealed class FrameCount : ILinkListener
    {
        private long _frames;

        public long Frames => Interlocked.Read(ref _frames);

        public void Up(NodePeer peer, int wireVersion)
        {
        }

        public void Down(NodePeer peer)
        {
        }

        public void Received(NodePeer from, ReadOnlyMemory<byte> frame) => Interlocked.Increment(ref _frames);
    }
}
