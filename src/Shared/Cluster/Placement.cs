using System.Collections.Immutable;

namespace MailCluster.Shared.Cluster;

/// <summary>One shard that is to have another owner.</summary>
/// <param name="From">Null: nobody has it.</param>
/// <param name="Epoch">The present one.</param>
public readonly record struct ShardMove(ShardId Shard, NodePeer? From, long Epoch, NodePeer To);

/// <summary>
/// Which node is to have which shard. The same table gives the same plan on every node: nodes that take shards differ
/// by one at most, and no plan that is as balanced moves fewer.
/// </summary>
public static class Placement
{
    /// <summary>Who may be given shards: up, with a lease. Ascending.</summary>
    /// <param name="age">Since the table was read.</param>
    public static ImmutableArray<NodePeer> Takers(ImmutableArray<NodeRow> nodes, TimeSpan age) =>
    [
        .. nodes.Where(node => node.State == NodeState.Up && node.LeaseLeft > age).Select(node => node.Peer)
            .Order(Comparer<NodePeer>.Create(ById)),
    ];

    /// <summary>Ascending by shard. Without a taker nothing moves.</summary>
    /// <param name="shards">Each once.</param>
    /// <param name="takers">Each node once, in any order. A shard whose owner is none of them gets one of them.</param>
    public static ImmutableArray<ShardMove> Plan(ImmutableArray<ShardRow> shards, ImmutableArray<NodePeer> takers)
    {
        if (takers.IsEmpty)
        {
            return [];
        }

        var nodes = takers.Sort(ById);
        var places = new Dictionary<NodePeer, int>(nodes.Length);
        for (var i = 0; i < nodes.Length; i++)
        {
            places.Add(nodes[i], i);
        }

        var rows = shards.Sort(static (one, other) => one.Shard.CompareTo(other.Shard));
        var room = Room(rows, nodes, places);
        var moves = ImmutableArray.CreateBuilder<ShardMove>();
        var receiver = 0;

        // From the end, so that what a node keeps is what it had longest when numbers were given out ascending.
        for (var i = rows.Length - 1; i >= 0; i--)
        {
            if (PlaceOf(rows[i], places) is { } owner)
            {
                if (room[owner] >= 0)
                {
                    continue;
                }

                room[owner]++;
            }

            while (room[receiver] <= 0)
            {
                receiver++;
            }

            room[receiver]--;
            moves.Add(new ShardMove(rows[i].Shard, rows[i].Owner, rows[i].Epoch, nodes[receiver]));
        }

        moves.Reverse();
        return moves.ToImmutable();
    }

    private static int? PlaceOf(ShardRow row, Dictionary<NodePeer, int> places) =>
        row.Owner is { } owner && places.TryGetValue(owner, out var place) ? place : null;

    /// <summary>How many more each node is to have; negative: how many fewer. The sum is what has no owner.</summary>
    private static int[] Room(
        ImmutableArray<ShardRow> rows, ImmutableArray<NodePeer> nodes, Dictionary<NodePeer, int> places)
    {
        var has = new int[nodes.Length];
        foreach (var row in rows)
        {
            if (PlaceOf(row, places) is { } owner)
            {
                has[owner]++;
            }
        }

        // One more is for those that have the most already: every one of them spares a move.
        var most = Enumerable.Range(0, nodes.Length).OrderByDescending(place => has[place]).ThenBy(place => place);
        var left = rows.Length % nodes.Length;
        var room = new int[nodes.Length];
        foreach (var place in most)
        {
            room[place] = (rows.Length / nodes.Length) + (left-- > 0 ? 1 : 0) - has[place];
        }

        return room;
    }

    private static int ById(NodePeer one, NodePeer other) =>
        one.Id != other.Id ? one.Id.CompareTo(other.Id) : one.Incarnation.CompareTo(other.Incarnation);
}
