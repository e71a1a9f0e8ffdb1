using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Tests.Limits;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>One process of a <see cref="MembershipRun"/>: membership with residents that keep books.</summary>
internal sealed class MemberNode : IShardResidents, IMoveTells, IFenceTaker, INodeLinks
{
    private readonly MembershipRun _run;
    private readonly SortedDictionary<ShardId, long> _residents = [];

    public MemberNode(MembershipRun run, string name, TimeSpan wallSkew)
    {
        _run = run;
        Name = name;
        Time = new NodeTime(run.Scheduler) { WallSkew = wallSkew };
        Store = run.Database.Connect();
        Log = new KeptLog();
        Members = new Membership(
            Store, new NodeRegistration(name, $"{name}:7000", "1.2.3", 1), run.Options, Time,
            new ClusterMetrics(new QuietMeters()), Log);
    }

    public string Name { get; }

    public NodeTime Time { get; }

    public SimulatedClusterStore Store { get; }

    public Membership Members { get; }

    public KeptLog Log { get; }

    public bool IsRunning { get; set; } = true;

    /// <summary>What residents take to leave.</summary>
    public TimeSpan LeaveTime { get; set; } = TimeSpan.FromMilliseconds(5);

    public ImmutableArray<NodeRow> Expected { get; private set; } = [];

    public List<NodePeer> Fences { get; } = [];

    public int Moves { get; private set; }

    /// <summary>What residents have been told, in order.</summary>
    public List<string> Told { get; } = [];

    public async Task JoinAsync()
    {
        await Members.JoinAsync(CancellationToken.None);
        Members.Changed += _run.Check;
        Members.Start(this, this, this, this);
    }

    public void Kill()
    {
        IsRunning = false;
        Time.Crash();
        Store.Crash();
        Members.Changed -= _run.Check;
    }

    public void Pause()
    {
        Time.Pause();
        Store.Pause();
    }

    public void Resume()
    {
        Time.Resume();
        Store.Resume();
    }

    /// <summary>By what residents know.</summary>
    public bool Has(ShardId shard) => _residents.ContainsKey(shard);

    public void NodesChanged(ImmutableArray<NodeRow> nodes)
    {
    }

    public void Arrived(ImmutableArray<ShardEpoch> shards)
    {
        foreach (var shard in shards)
        {
            Assert.True(_residents.TryAdd(shard.Shard, shard.Epoch), $"{Name}: {shard} arrived twice");
        }

        Moves += shards.Length;
        Told.Add($"arrived {shards.Length}");
    }

    public Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken)
    {
        foreach (var shard in shards)
        {
            Assert.Equal(shard.Epoch, _residents[shard.Shard]);
            Assert.NotEqual(HomeKind.Here, Members.Find(shard.Shard).Kind);
        }

        Told.Add($"leave {shards.Length}");
        return Task.Delay(LeaveTime, Time, cancellationToken);
    }

    public void Left(ImmutableArray<ShardEpoch> shards)
    {
        foreach (var shard in shards)
        {
            Assert.True(_residents.Remove(shard.Shard, out var epoch), $"{Name}: {shard} left without being there");
            Assert.Equal(epoch, shard.Epoch);
        }

        Told.Add($"left {shards.Length}");
    }

    public void Tell(NodePeer to, ShardsMoved moved) => _run.Tell(this, to, moved.ToByteArray());

    public Task TakeAsync(NodePeer peer)
    {
        Fences.Add(peer);
        return Task.CompletedTask;
    }

    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks) => false;

    public bool IsUp(NodePeer peer) => false;

    public void Expect(ImmutableArray<NodeRow> others) => Expected = others;

    public void Listen(ILinkListener listener)
    {
    }
}
