using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Several kinds of residents side by side. They leave at the same time.</summary>
public sealed class ShardResidents(params ImmutableArray<IShardResidents> residents) : IShardResidents
{
    public void NodesChanged(ImmutableArray<NodeRow> nodes)
    {
        foreach (var resident in residents)
        {
            resident.NodesChanged(nodes);
        }
    }

    public void Arrived(ImmutableArray<ShardEpoch> shards)
    {
        foreach (var resident in residents)
        {
            resident.Arrived(shards);
        }
    }

    public async Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken)
    {
        ImmutableArray<Task> leaving =
            [.. residents.Select(resident => resident.LeaveAsync(shards, cancellationToken))];
        foreach (var resident in leaving)
        {
            await resident;
        }
    }

    public void Left(ImmutableArray<ShardEpoch> shards)
    {
        foreach (var resident in residents)
        {
            resident.Left(shards);
        }
    }
}
