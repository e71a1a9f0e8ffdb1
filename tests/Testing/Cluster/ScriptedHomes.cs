using MailCluster.Actors.Cluster;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>What one node knows of homes, as a test says it.</summary>
public sealed class ScriptedHomes(NodePeer self) : IShardHomes
{
    private readonly Dictionary<ShardId, ShardHome> _homes = [];

    public event Action? Changed;

    public NodePeer Self => self;

    /// <summary>For shards of which nothing was said.</summary>
    public ShardHome Preset { get; set; } = new(HomeKind.Unknown, 0, default);

    /// <summary>False: this node's lease has ended by its clock; nothing is here and nothing known.</summary>
    public bool HasLease { get; set; } = true;

    public ShardHome Find(ShardId shard)
    {
        var home = _homes.GetValueOrDefault(shard, Preset);
        return HasLease || home.Kind != HomeKind.Here ? home : home with { Kind = HomeKind.Unknown };
    }

    public void Set(ShardId shard, ShardHome home)
    {
        _homes[shard] = home;
        Changed?.Invoke();
    }

    public void Here(MailboxId mailbox, long epoch) => Set(ShardId.Of(mailbox), new(HomeKind.Here, epoch, self));

    public void There(MailboxId mailbox, NodePeer peer, long epoch) =>
        Set(ShardId.Of(mailbox), new(HomeKind.There, epoch, peer));

    public void Moving(MailboxId mailbox, long epoch) => Set(ShardId.Of(mailbox), new(HomeKind.Moving, epoch, default));
}
