using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Delivery;

/// <summary>Mailboxes and the spool's visits to them, as their shards come and go.</summary>
public sealed class MailResidents(MailboxRegion region, Spool spool) : IShardResidents
{
    public void NodesChanged(ImmutableArray<NodeRow> nodes)
    {
        // Who else is there matters to nobody here.
    }

    /// <summary>Mailboxes load when they are asked; what waits for them in the spool is looked for now.</summary>
    public void Arrived(ImmutableArray<ShardEpoch> shards) => spool.HomesArrived();

    public Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken) =>
        region.LeaveAsync(shards, cancellationToken);

    public void Left(ImmutableArray<ShardEpoch> shards) => region.Left(shards);
}
