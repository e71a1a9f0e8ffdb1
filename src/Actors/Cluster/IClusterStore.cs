using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>What a node says of itself when it joins.</summary>
public sealed record NodeRegistration(string Name, string Address, string Version, int WireVersion);

/// <summary>Whether a node got its place.</summary>
/// <param name="Peer">Null: refused.</param>
/// <param name="Refusal">Null: it got one. Otherwise for the administrator: another node has the name and is
/// alive…</param>
public sealed record JoinAnswer(NodePeer? Peer, string? Refusal);

public enum RenewAnswer
{
    Renewed,

    /// <summary>Another node has taken this one's shards: this incarnation never serves again.</summary>
    Lost,
}

/// <summary>
/// Membership, leases and shards in the database. Every method may take long or throw <see
/// cref="Storage.StoreUnavailableException"/>; of a change nobody then knows whether it happened, and the next read
/// tells. All times are the database's.
/// </summary>
public interface IClusterStore
{
    /// <summary>
    /// The table of nodes or shards changed (told by the database, perhaps late, perhaps for no reason; polling sees
    /// it anyway). On any thread.
    /// </summary>
    event Action Changed;

    /// <summary>
    /// A new incarnation in state joining, with a lease from now on. Refused while an incarnation under the same name
    /// has an unexpired lease. What an earlier incarnation of the name still owned stays with that, to be claimed.
    /// </summary>
    Task<JoinAnswer> JoinAsync(NodeRegistration node, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>
    /// Prolongs the lease, an expired one too while nobody has claimed. On a connection of its own, so that no mail
    /// stands before it.
    /// </summary>
    Task<RenewAnswer> RenewAsync(NodePeer self, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Everything, in one snapshot.</summary>
    Task<ClusterTable> ReadAsync(CancellationToken cancellationToken);

    /// <summary>joining → up → draining → down, of this incarnation only. False: it is lost.</summary>
    Task<bool> SetStateAsync(NodePeer self, NodeState state, CancellationToken cancellationToken);

    /// <summary>
    /// Ends the dead incarnation's backends, waits for its last commit, checks once more that its lease has expired,
    /// sets it down and gives each of its shards, with epoch + 1, to who stands in <paramref name="to"/> for it; all in
    /// one transaction (the fence). False: the lease is alive again, or someone else was first.
    /// </summary>
    /// <param name="to">For every shard the dead one has; targets must be alive.</param>
    Task<bool> ClaimAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken);

    /// <summary>
    /// Shards without an owner get one, with epoch + 1. Those that have one meanwhile are left. Returns how many got
    /// one.
    /// </summary>
    Task<int> AssignAsync(
        NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to, CancellationToken cancellationToken);

    /// <summary>
    /// The owner gives shards away, each with epoch + 1. Those that are not its own under that epoch are left. Returns
    /// the new rows of those that went. Takes the owner's lock alone, as a claimer does, and so waits for its commits
    /// under way: they were checked under the old epoch, and who loads under the new one must see them.
    /// </summary>
    Task<ImmutableArray<ShardRow>> HandOverAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken);

    /// <summary>
    /// Asks another node to drain: it reads the state and begins. False: there is no such node alive.
    /// </summary>
    Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken);
}
