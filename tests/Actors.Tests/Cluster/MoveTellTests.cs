using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>What nodes tell each other of shards that moved.</summary>
public sealed class MoveTellTests
{
    private static readonly Envelope s_frame = new()
    {
        ShardsMoved = new ShardsMoved
        {
            Shards = { 0, 1023 }, Epochs = { 1, 1L << 40 }, Nodes = { 2, 3 }, Incarnations = { 7, 8 },
        },
    };

    [Fact]
    public void The_octets_of_a_tell_are_frozen()
    {
        var octets = Convert.FromHexString("9203160A0300FF071207018080808080" + "201A0202032202" + "0708");
        Assert.Equal(Convert.ToHexString(octets), Convert.ToHexString(s_frame.ToByteArray()));
        Assert.Equal(s_frame, Envelope.Parser.ParseFrom(octets));
    }

    [Fact]
    public void A_tell_makes_a_shard_move_before_any_table_is_read()
    {
        var scheduler = new SeededScheduler(5);
        var database = new SimulatedClusterDatabase(scheduler, shards: 8) { NotifyDelay = null };
        var network = new SimulatedNetwork(scheduler);
        var (one, two) = (Make("one"), Make("two"));
        scheduler.Run(() => two.Members.DrainAsync(CancellationToken.None));
        var reads = two.Store.Calls;
        var row = new ShardRow(new ShardId(0, 3), two.Members.Self, 77);
        two.Members.Told(one.Members.Self, new ShardsMoved
        {
            Shards = { 3, 9000 }, Epochs = { 77, 1 }, Nodes = { row.Owner!.Value.Id.Value, 1 },
            Incarnations = { row.Owner.Value.Incarnation.Value, 1 },
        });
        scheduler.RunUntilIdle();
        Assert.Equal((HomeKind.Here, 77), (two.Members.Find(row.Shard).Kind, two.Members.Find(row.Shard).Epoch));
        Assert.Equal(reads, two.Store.Calls);
        two.Members.Told(one.Members.Self, new ShardsMoved { Shards = { 3 }, Epochs = { 78, 79 } });
        scheduler.RunUntilIdle();
        Assert.Equal(77, two.Members.Find(row.Shard).Epoch);

        (Membership Members, SimulatedClusterStore Store) Make(string name)
        {
            var store = database.Connect();
            var members = new Membership(
                store, new NodeRegistration(name, $"{name}:1", "1", 1), new MembershipOptions(), scheduler.Time,
                new ClusterMetrics(new QuietMeters()), NullLoggerFactory.Instance);
            var self = scheduler.Run(() => members.JoinAsync(CancellationToken.None));
            var links = network.Start(self);
            var meters = new QuietMeters();
            var system = new ActorSystem(
                scheduler, scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance, meters);
            var asks = new ShardAsks(
                system, members, links, new ShardAsksOptions(), new AskMetrics(meters), NullLoggerFactory.Instance);
            links.Listen(asks);
            members.Start(new NoResidents(), links, new MoveTells(asks, members), new NoFence());
            scheduler.Advance(TimeSpan.FromSeconds(2));
            return (members, store);
        }
    }

    private sealed class NoResidents : IShardResidents
    {
        public void NodesChanged(System.Collections.Immutable.ImmutableArray<NodeRow> nodes)
        {
        }

        public void Arrived(System.Collections.Immutable.ImmutableArray<ShardEpoch> shards)
        {
        }

        public Task LeaveAsync(
            System.Collections.Immutable.ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken) =>
            Task.CompletedTask;

        public void Left(System.Collections.Immutable.ImmutableArray<ShardEpoch> shards)
        {
        }
    }

    private sealed class NoFence : IFenceTaker
    {
        public Task TakeAsync(NodePeer peer) => Task.CompletedTask;
    }
}
