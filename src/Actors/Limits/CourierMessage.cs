using System.Collections.Immutable;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What the courier of permits is told.</summary>
internal abstract record CourierMessage
{
    /// <summary>Homes are others: new ones hear what is held.</summary>
    public sealed record HomesChanged : CourierMessage;

    public sealed record Linked(NodePeer Peer) : CourierMessage;

    /// <summary>Another node, or what happened here, wants a report of these shards.</summary>
    public sealed record Wanted(NodePeer Peer, ImmutableArray<int> Shards) : CourierMessage;

    /// <summary>This node has become the home of these shards: what do others hold?</summary>
    public sealed record Gather(ImmutableArray<int> Shards) : CourierMessage;

    /// <summary>For the new home of a shard that was here.</summary>
    public sealed record Moved(NodePeer To, ImmutableArray<Envelope> Parts) : CourierMessage;

    /// <summary>The interval is over: everything is reported.</summary>
    public sealed record ReportAll : CourierMessage;

    /// <summary>More of what waits may be sent.</summary>
    public sealed record SendMore : CourierMessage;

    /// <summary>Are those that gather done, or have they waited long enough?</summary>
    public sealed record LookAtGathering : CourierMessage;
}
