using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>What membership steers and tells once the node is ready. In its loop only.</summary>
internal sealed class NodeSurroundings(
    IShardResidents residents, INodeLinks links, IMoveTells tells, IFenceTaker fence)
{
    private ImmutableArray<NodeRow> _expected = [];

    public IShardResidents Residents => residents;

    public IFenceTaker Fence => fence;

    /// <summary>Links to all others that are there; said only when that has changed.</summary>
    public void Expect(ClusterTable table, NodePeer self)
    {
        var others = table.Nodes.Where(node => node.Id != self.Id && node.State != NodeState.Down);
        var expected = others.Select(node => node with { LeaseLeft = default }).ToImmutableArray();
        if (!expected.SequenceEqual(_expected))
        {
            _expected = expected;
            links.Expect(expected);
        }
    }

    /// <summary>To all others.</summary>
    public void Tell(ImmutableArray<ShardRow> rows)
    {
        var moved = MoveTells.Write(rows);
        foreach (var other in _expected)
        {
            tells.Tell(other.Peer, moved);
        }
    }
}
