using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Over the links, beside the asks.</summary>
public sealed class MoveTells : IMoveTells
{
    private readonly ShardAsks _asks;

    public MoveTells(ShardAsks asks, Membership membership)
    {
        _asks = asks;
        asks.Handle(
            Envelope.BodyOneofCase.ShardsMoved, ask => membership.Told(ask.From, ask.Envelope.ShardsMoved));
    }

    public void Tell(NodePeer to, ShardsMoved moved) => _asks.Tell(to, new Envelope { ShardsMoved = moved });

    internal static ShardsMoved Write(IEnumerable<ShardRow> rows)
    {
        var moved = new ShardsMoved();
        foreach (var row in rows)
        {
            if (row.Owner is { } owner)
            {
                moved.Shards.Add((uint)((row.Shard.Cell * MailboxId.Shards) + row.Shard.Number));
                moved.Epochs.Add(row.Epoch);
                moved.Nodes.Add(owner.Id.Value);
                moved.Incarnations.Add(owner.Incarnation.Value);
            }
        }

        return moved;
    }

    /// <summary>Empty when the lists do not fit each other.</summary>
    internal static IEnumerable<ShardRow> Read(ShardsMoved moved)
    {
        var count = moved.Shards.Count;
        if (moved.Epochs.Count != count || moved.Nodes.Count != count || moved.Incarnations.Count != count)
        {
            yield break;
        }

        for (var i = 0; i < count; i++)
        {
            var number = (int)(moved.Shards[i] % MailboxId.Shards);
            yield return new ShardRow(
                new ShardId((int)(moved.Shards[i] / MailboxId.Shards), number),
                new NodePeer(new NodeId(moved.Nodes[i]), new Incarnation(moved.Incarnations[i])), moved.Epochs[i]);
        }
    }
}
