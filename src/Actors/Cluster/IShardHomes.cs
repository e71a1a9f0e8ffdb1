using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Where a shard's actors are, as this node knows it now.</summary>
public enum HomeKind
{
    /// <summary>Here, and this node's lease is good for it.</summary>
    Here,

    /// <summary>At another node.</summary>
    There,

    /// <summary>On its way from one to another, or its owner has died: soon known. Askers wait, bounded.</summary>
    Moving,

    /// <summary>
    /// This node cannot tell: it has no lease (the database is away) or has left. Askers hear a temporary failure.
    /// </summary>
    Unknown,
}

/// <param name="Epoch">Here: what to write under. There: what the other's is known to be at least.</param>
/// <param name="Peer">There: who.</param>
public readonly record struct ShardHome(HomeKind Kind, long Epoch, NodePeer Peer);

/// <summary>Which node is the home of what: one immutable table, replaced when something changes.</summary>
public interface IShardHomes
{
    /// <summary>
    /// Homes changed: moved, lost, regained, claimed. Whoever waits for one looks again. On any thread, after <see
    /// cref="Find"/> answers anew.
    /// </summary>
    event Action Changed;

    NodePeer Self { get; }

    /// <summary>Costs no lock and no I/O; judges by the clock whether the lease is good at this moment.</summary>
    ShardHome Find(ShardId shard);
}

/// <summary>A lone node: home of everything, under epoch 0, for ever.</summary>
public sealed class LoneHomes : IShardHomes
{
    public static readonly LoneHomes Instance = new();

    private LoneHomes()
    {
    }

    public event Action Changed
    {
        add { }
        remove { }
    }

    public NodePeer Self { get; } = new(new NodeId(1), new Incarnation(1));

    public ShardHome Find(ShardId shard) => new(HomeKind.Here, 0, Self);
}

/// <summary>
/// What lives in a node's shards (mailboxes, sources, the spool's visits) and is told when they come and go. Every call
/// comes from membership, one at a time; while a <see cref="LeaveAsync"/> is under way, other shards come and go.
/// </summary>
public interface IShardResidents
{
    /// <summary>
    /// Who there is, this node and those that are down included: as the table was read, before shards of that table
    /// arrive or leave. Often; mostly nothing has changed.
    /// </summary>
    void NodesChanged(ImmutableArray<NodeRow> nodes);

    /// <summary>This node is their home now; <see cref="IShardHomes.Find"/> says so already.</summary>
    void Arrived(ImmutableArray<ShardEpoch> shards);

    /// <summary>
    /// A planned move: <see cref="IShardHomes.Find"/> says <see cref="HomeKind.Moving"/> from before this call on, so
    /// nothing new begins. Completes when nothing of theirs stands in the commit lane or is held by a delivery any
    /// more. What is under way ends or is given up; at cancellation the move goes on without the rest, which the fence
    /// refuses.
    /// </summary>
    Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken);

    /// <summary>Given away or lost: what is in memory of them is worth nothing any more.</summary>
    void Left(ImmutableArray<ShardEpoch> shards);
}
