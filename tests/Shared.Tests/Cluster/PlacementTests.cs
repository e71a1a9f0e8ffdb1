using System.Collections.Immutable;
using MailCluster.Shared.Cluster;
using Xunit;

namespace MailCluster.Shared.Tests.Cluster;

public sealed class PlacementTests
{
    private const int Rounds = 400;

    [Fact]
    public void Takers_differ_by_one_at_most_and_everything_has_one()
    {
        ForMany((shards, takers, plan, seed) =>
        {
            var counts = Counts(After(shards, plan), takers);
            Assert.True(counts.Sum() == shards.Length, $"seed {seed}: {string.Join(' ', counts)}");
            Assert.True(counts.Max() - counts.Min() <= 1, $"seed {seed}: {string.Join(' ', counts)}");
        });
    }

    [Fact]
    public void No_plan_that_is_as_balanced_moves_fewer()
    {
        ForMany((shards, takers, plan, seed) =>
        {
            var has = Counts(shards, takers);
            var quota = shards.Length / takers.Length;
            var extra = shards.Length % takers.Length;
            var kept = has.Sum(count => Math.Min(count, quota)) + Math.Min(extra, has.Count(count => count > quota));
            Assert.True(plan.Length == shards.Length - kept, $"seed {seed}: {plan.Length} of {shards.Length}");
        });
    }

    [Fact]
    public void The_order_in_which_rows_and_nodes_come_makes_no_difference()
    {
        ForMany((shards, takers, plan, seed) =>
        {
            var random = new Random(seed);
            var mixed = shards.ToArray();
            random.Shuffle(mixed);
            var others = takers.ToArray();
            random.Shuffle(others);
            Assert.Equal(plan, Placement.Plan([.. mixed], [.. others]));
        });
    }

    [Fact]
    public void A_plan_that_was_carried_out_in_part_goes_on_where_it_stood()
    {
        ForMany((shards, takers, plan, seed) =>
        {
            var part = plan[..(plan.Length / 2)];
            var rest = Placement.Plan(After(shards, part), takers);
            Assert.True(rest.Length == plan.Length - part.Length, $"seed {seed}");
            Assert.Empty(Placement.Plan(After(shards, plan), takers));
        });
    }

    [Fact]
    public void A_move_names_the_present_owner_and_epoch()
    {
        ForMany((shards, takers, plan, seed) => Assert.All(plan, move =>
        {
            var row = shards[move.Shard.Number];
            Assert.Equal((row.Owner, row.Epoch), (move.From, move.Epoch));
            Assert.NotEqual(move.To, move.From);
            Assert.Contains(move.To, takers);
        }));
    }

    [Fact]
    public void Only_nodes_that_are_up_with_a_lease_take_shards()
    {
        var nodes = ImmutableArray.Create(
            Node(3, NodeState.Up, 1), Node(1, NodeState.Up, 2), Node(2, NodeState.Joining, 2),
            Node(4, NodeState.Draining, 2), Node(5, NodeState.Down, 2), Node(6, NodeState.Up, -1));
        Assert.Equal([1, 3], Placement.Takers(nodes, TimeSpan.Zero).Select(peer => peer.Id.Value));
        Assert.Equal([1], Placement.Takers(nodes, TimeSpan.FromSeconds(1)).Select(peer => peer.Id.Value));
        Assert.Empty(Placement.Plan([new ShardRow(new(0, 0), null, 0)], []));
    }

    private static void ForMany(
        Action<ImmutableArray<ShardRow>, ImmutableArray<NodePeer>, ImmutableArray<ShardMove>, int> check)
    {
        for (var seed = 1; seed <= Rounds; seed++)
        {
            var random = new Random(seed);
            var nodes = Enumerable.Range(1, random.Next(1, 9))
                .Select(id => new NodePeer(new NodeId(id), new Incarnation(random.Next(1, 3)))).ToArray();
            var takers = nodes.Where((_, at) => at == 0 || random.Next(3) > 0).ToImmutableArray();
            var shards = Enumerable.Range(0, random.Next(1, 130)).Select(number => new ShardRow(
                new ShardId(0, number),
                random.Next(4) == 0 ? null : nodes[Math.Min(random.Next(nodes.Length), random.Next(nodes.Length))],
                random.Next(5))).ToImmutableArray();
            check(shards, takers, Placement.Plan(shards, takers), seed);
        }
    }

    private static ImmutableArray<ShardRow> After(ImmutableArray<ShardRow> shards, ImmutableArray<ShardMove> plan)
    {
        var rows = shards.ToBuilder();
        foreach (var move in plan)
        {
            rows[move.Shard.Number] = new ShardRow(move.Shard, move.To, move.Epoch + 1);
        }

        return rows.ToImmutable();
    }

    private static int[] Counts(ImmutableArray<ShardRow> shards, ImmutableArray<NodePeer> takers) =>
        [.. takers.Select(taker => shards.Count(row => row.Owner == taker))];

    private static NodeRow Node(int id, NodeState state, int leaseSeconds) => new(
        new NodeId(id), $"n{id}", new Incarnation(1), "a:1", state, TimeSpan.FromSeconds(leaseSeconds), "1", 1);
}
