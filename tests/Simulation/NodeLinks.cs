using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation;

/// <summary>What comes over a link waits in the socket while the process stands.</summary>
internal sealed class NodeLinks(INodeLinks inner, SimulatedProcess process) : INodeLinks
{
    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks) => inner.TrySend(to, frame, lane);

    public bool IsUp(NodePeer peer) => inner.IsUp(peer);

    public void Expect(ImmutableArray<NodeRow> others) => inner.Expect(others);

    public void Listen(ILinkListener listener) => inner.Listen(new Listener(listener, process));

    private sealed class Listener(ILinkListener listener, SimulatedProcess process) : ILinkListener
    {
        public void Up(NodePeer peer, int wireVersion) => process.Deliver(() => listener.Up(peer, wireVersion));

        public void Down(NodePeer peer) => process.Deliver(() => listener.Down(peer));

        public void Received(NodePeer from, ReadOnlyMemory<byte> frame) =>
            process.Deliver(() => listener.Received(from, frame));
    }
}
