using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
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

    public void Crash() => inner.Crash();

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
        process.Outside(() => inner.HandOverAsync(self, to, cancellationToken));

    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        process.Outside(() => inner.RequestDrainAsync(name, cancellationToken));

    private async Task<bool> FencedAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken)
    {
        var session = new object();
        if (!database.IsAway && !inner.IsCutOff)
        {
            await database.FenceOutAsync(dead, session);
        }

        try
        {
            return await inner.ClaimAsync(self, dead, to, cancellationToken);
        }
        finally
        {
            database.FenceDone(dead, session);
        }
    }
}
