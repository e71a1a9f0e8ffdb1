using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>What one node knows of the home of the few shards that a run is about; nothing of others.</summary>
internal sealed class OneHome(NodePeer self, ShardId[] shards) : IShardHomes
{
    private ShardHome _home = new(HomeKind.Unknown, 0, default);

    public event Action? Changed;

    public NodePeer Self => self;

    public ShardHome Find(ShardId shard) =>
        shards.Contains(shard) ? _home : new ShardHome(HomeKind.Unknown, 0, default);

    /// <summary>Its owner, or nobody that could be asked, as far as this node knows.</summary>
    public void Set(HomeKind kind, long epoch, NodePeer owner = default)
    {
        _home = new ShardHome(kind, epoch, owner);
        Changed?.Invoke();
    }
}
