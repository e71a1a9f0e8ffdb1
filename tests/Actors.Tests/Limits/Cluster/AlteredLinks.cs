using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>Links of a node that has a bug: what it sends is altered, or (null) forgotten.</summary>
internal sealed class AlteredLinks(INodeLinks links, Func<Envelope, Envelope?> alter) : INodeLinks
{
    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks) =>
        alter(((Envelope)frame).Clone()) is not { } altered || links.TrySend(to, altered, lane);

    public bool IsUp(NodePeer peer) => links.IsUp(peer);

    public void Expect(ImmutableArray<NodeRow> others) => links.Expect(others);

    public void Listen(ILinkListener listener) => links.Listen(listener);
}
