using System.Collections.Immutable;

namespace MailCluster.Shared.Cluster;

/// <summary>The numbers are stored.</summary>
public enum NodeState
{
    /// <summary>It has a lease and makes itself ready: no clients and no shards yet.</summary>
    Joining = 0,

    Up = 1,

    /// <summary>It gives its shards away and then ends.</summary>
    Draining = 2,

    /// <summary>Its lease ended and another node took its shards, or it left.</summary>
    Down = 3,
}

/// <summary>A row of the table of nodes.</summary>
/// <param name="Address">host:port where other nodes reach it.</param>
/// <param name="LeaseLeft">On the database's clock when the table was read; negative: it has expired.</param>
/// <param name="Version">Of the program, for people.</param>
/// <param name="WireVersion">The newest of the contract between nodes that it speaks.</param>
public sealed record NodeRow(
    NodeId Id,
    string Name,
    Incarnation Incarnation,
    string Address,
    NodeState State,
    TimeSpan LeaseLeft,
    string Version,
    int WireVersion)
{
    public NodePeer Peer => new(Id, Incarnation);
}

/// <summary>A row of the table of shards.</summary>
/// <param name="Owner">Null: nobody has ever had it, or its owner left and nobody has taken it yet.</param>
/// <param name="Epoch">Rises with every change of the owner; 0: nobody has ever had it.</param>
public sealed record ShardRow(ShardId Shard, NodePeer? Owner, long Epoch);

/// <summary>Who is there and who has what, as read in one snapshot of the database.</summary>
/// <param name="Cluster">Made with the database, so that nodes of two clusters never link.</param>
/// <param name="Version">Rises with every change but renewals.</param>
/// <param name="Nodes">Ascending by id; those that are down too.</param>
/// <param name="Shards">Ascending; all of them.</param>
public sealed record ClusterTable(
    string Cluster, long Version, ImmutableArray<NodeRow> Nodes, ImmutableArray<ShardRow> Shards);
