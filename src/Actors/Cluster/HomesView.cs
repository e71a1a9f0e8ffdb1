using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>What <see cref="Membership.Find"/> answers from: replaced, never changed.</summary>
/// <param name="Lease">Null: this node has none and is home of nothing.</param>
internal sealed record HomesView(
    NodePeer Self, NodeLease? Lease, ShardHome[] Homes, ImmutableArray<ShardRow> Rows)
{
    public static readonly HomesView Nothing = new(default, null, [], []);
}
