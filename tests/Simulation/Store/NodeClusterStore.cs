using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation.Store;

/// <summary>
/// One process's way to the tables of nodes and shards: what it sends goes on while it stands or is dead, and a claim
/// ends the dead one's backends and waits for its last commit in the mail tables of the same database.
/// </summary>
internal sealed class NodeClusterStore(
    SimulatedClusterStore inner, MailDatabase database, SimulatedProcess process) : IClusterStore
{
    public event Action Changed
    {
        add => inner.Changed += () => process.Deliver(value);
        remove { }
    }

    public bool IsCutOff
    {
        get => inner.IsCutOff;
        set => inner.IsCutOff = value;
    }

    public Task<JoinAnswer> JoinAsync(NodeRegistration node, TimeSpan lease, CancellationToken cancellationToken) =>
        process.Outside(() => inner.JoinAsync(node, lease, cancellationToken));

    public Task<RenewAnswer> RenewAsync(NodePeer self, TimeSpan lease, CancellationToken cancellationToken) =>
        process.Outside(() => inner.RenewAsync(self, lease, cancellationToken));

    public Task<ClusterTable> ReadAsync(CancellationToken cancellationToken) =>
        process.Outside(() => inner.ReadAsync(cancellationToken));

    public Task<bool> SetStateAsync(NodePeer self, NodeState state, CancellationToken cancellationToken) =>
        process.Outside(() => inner.SetStateAsync(self, state, cancellationToken));

    public Task<bool> ClaimAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken) =>
        process.Outside(() => FencedAsync(self, dead, to, cancellationToken));

    public Task<int> AssignAsync(
        NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        process.Outside(() => inner.AssignAsync(self, to, cancellationToken));

    public Task<ImmutableArray<ShardRow>> HandOverAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        process.Outside(() => HandOverBehindCommitsAsync(self, to, cancellationToken));

    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        process.Outside(() => inner.RequestDrainAsync(name, cancellationToken));

    /// <summary>Within the server: with the node's lock alone, or not at all.</summary>
    private async Task<ImmutableArray<ShardRow>> HandOverBehindCommitsAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken)
    {
        var session = new object();
        await LockAsync(self, session);
        try
        {
            return await inner.HandOverAsync(self, to, cancellationToken);
        }
        finally
        {
            database.Unlock(self.Id, session);
        }
    }

    private async Task<bool> FencedAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken)
    {
        var session = new object();
        if (!database.IsAway && !inner.IsCutOff)
        {
            database.EndBackends(dead);
        }

        await LockAsync(dead, session);
        try
        {
            return await inner.ClaimAsync(self, dead, to, cancellationToken);
        }
        finally
        {
            database.Unlock(dead.Id, session);
        }
    }

    private async Task LockAsync(NodePeer node, object session)
    {
        if (!await database.TryLockAsync(node.Id, session))
        {
            throw new StoreUnavailableException("The simulated node's lock was not to be had in time.");
        }
    }
}
