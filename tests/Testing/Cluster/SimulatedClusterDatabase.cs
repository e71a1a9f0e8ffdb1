using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// The tables of nodes and shards of one simulated database, in virtual time: what the statements of the real one do,
/// each at one instant of the database's clock. Its delays and losses are drawn from the seed.
/// </summary>
public sealed class SimulatedClusterDatabase
{
    private readonly SeededScheduler _scheduler;
    private readonly Random _random;
    private readonly SortedDictionary<NodeId, Row> _nodes = [];
    private readonly ShardRow[] _shards;
    private readonly List<SimulatedClusterStore> _stores = [];
    private long _incarnation;

    /// <param name="shards">Of cell 0: those numbered below are there; fewer make a run faster.</param>
    public SimulatedClusterDatabase(SeededScheduler scheduler, int seed = 1, int shards = MailboxId.Shards)
    {
        _scheduler = scheduler;
        _random = new Random(seed);
        _shards = [.. Enumerable.Range(0, shards).Select(n => new ShardRow(new ShardId(0, n), null, 0))];
    }

    /// <summary>One way, before the jitter.</summary>
    public TimeSpan Latency { get; set; } = TimeSpan.FromMilliseconds(0.5);

    /// <summary>Up to so much more, drawn for each way.</summary>
    public TimeSpan Jitter { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Part of the calls that reach the database late, by up to <see cref="SlowBy"/>. 0 to 1.</summary>
    public double SlowCalls { get; set; }

    public TimeSpan SlowBy { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Part of the calls whose answer is lost after the database did what was asked. 0 to 1.</summary>
    public double LostAnswers { get; set; }

    /// <summary>After so long a caller without an answer hears that the store is unavailable.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>From a change to <see cref="IClusterStore.Changed"/>, with jitter; null: never told.</summary>
    public TimeSpan? NotifyDelay { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Nothing reaches it; callers hear so at once or after <see cref="Timeout"/>.</summary>
    public bool IsAway { get; set; }

    /// <summary>
    /// Called in the claim of a dead incarnation before its shards move: a simulated mail store ends that one's
    /// transactions here.
    /// </summary>
    public event Action<NodePeer>? BackendsEnded;

    /// <summary>A row changed, at this instant; for checks of invariants.</summary>
    public event Action? Moved;

    public long Version { get; private set; } = 1;

    public int ShardCount => _shards.Length;

    internal SeededScheduler Scheduler => _scheduler;

    private TimeSpan Now => _scheduler.Time.Now;

    /// <summary>What a process sees of it.</summary>
    public SimulatedClusterStore Connect()
    {
        var store = new SimulatedClusterStore(this);
        _stores.Add(store);
        return store;
    }

    /// <summary>As it is at this instant.</summary>
    public ClusterTable Read() => new(
        "simulated", Version, [.. _nodes.Select(node => node.Value.ToRow(node.Key, Now))], [.. _shards]);

    /// <summary>
    /// Remembers all rows. What is returned sets them back to that, as a standby does that takes over and had not got
    /// everything. Incarnations are not given twice.
    /// </summary>
    public Action Save()
    {
        var (nodes, shards, version) = (_nodes.ToArray(), _shards.ToArray(), Version);
        return () =>
        {
            _nodes.Clear();
            foreach (var (id, row) in nodes)
            {
                _nodes.Add(id, row);
            }

            shards.CopyTo(_shards, 0);
            Version = version;
        };
    }

    public ShardRow Find(ShardId shard) => _shards[shard.Number];

    /// <summary>The first half of the fence: this incarnation may write.</summary>
    public bool IsCurrent(NodePeer peer) =>
        _nodes.TryGetValue(peer.Id, out var row) && row.Incarnation == peer.Incarnation && row.State != NodeState.Down;

    /// <summary>The other half: the shard is that node's under that epoch.</summary>
    public bool IsCurrent(NodePeer peer, ShardEpoch shard) =>
        IsCurrent(peer) && Find(shard.Shard) is { } row && row.Owner == peer && row.Epoch == shard.Epoch;

    internal JoinAnswer Join(NodeRegistration node, TimeSpan lease)
    {
        var (id, row) = _nodes.FirstOrDefault(
            other => other.Value.Registration.Name.Equals(node.Name, StringComparison.OrdinalIgnoreCase));
        if (row is not null && row.State != NodeState.Down && row.LeaseUntil > Now)
        {
            return new(null, $"Another node named {node.Name} is alive at {row.Registration.Address}.");
        }

        id = row is null ? new NodeId(_nodes.Count + 1) : id;
        _nodes[id] = new Row(node, new Incarnation(++_incarnation), NodeState.Joining, Now + lease);
        Rise();
        return new(new NodePeer(id, _nodes[id].Incarnation), null);
    }

    internal RenewAnswer Renew(NodePeer self, TimeSpan lease)
    {
        if (!IsCurrent(self))
        {
            return RenewAnswer.Lost;
        }

        _nodes[self.Id] = _nodes[self.Id] with { LeaseUntil = Now + lease };
        return RenewAnswer.Renewed;
    }

    internal bool SetState(NodePeer self, NodeState state)
    {
        if (!IsCurrent(self))
        {
            return false;
        }

        if (_nodes[self.Id].State < state)
        {
            _nodes[self.Id] = _nodes[self.Id] with { State = state };
            Rise();
        }

        return true;
    }

    internal bool Claim(NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to)
    {
        if (!IsCurrent(self) || IsAlive(dead) || !_nodes.TryGetValue(dead.Id, out var row))
        {
            return false;
        }

        if (row.State == NodeState.Down && !_shards.Any(shard => shard.Owner == dead))
        {
            return false;
        }

        BackendsEnded?.Invoke(dead);
        if (row.Incarnation == dead.Incarnation)
        {
            _nodes[dead.Id] = row with { State = NodeState.Down };
        }

        for (var i = 0; i < _shards.Length; i++)
        {
            if (_shards[i].Owner == dead)
            {
                var target = to.FirstOrDefault(entry => entry.Shard.Number == i).To;
                Give(i, IsAlive(target) ? target : null);
            }
        }

        Rise();
        return true;
    }

    internal int Assign(NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to)
    {
        var given = 0;
        foreach (var (shard, target) in to)
        {
            if (IsCurrent(self) && Find(shard).Owner is null && IsAlive(target))
            {
                Give(shard.Number, target);
                given++;
            }
        }

        if (given > 0)
        {
            Rise();
        }

        return given;
    }

    internal ImmutableArray<ShardRow> HandOver(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to)
    {
        var rows = ImmutableArray.CreateBuilder<ShardRow>();
        foreach (var (shard, target) in to)
        {
            if (IsCurrent(self, shard) && IsAlive(target))
            {
                Give(shard.Shard.Number, target);
                rows.Add(Find(shard.Shard));
            }
        }

        if (rows.Count > 0)
        {
            Rise();
        }

        return rows.ToImmutable();
    }

    internal bool RequestDrain(string name)
    {
        var (id, row) = _nodes.FirstOrDefault(
            node => node.Value.Registration.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (row is null || row.State == NodeState.Down || row.LeaseUntil <= Now)
        {
            return false;
        }

        return SetState(new NodePeer(id, row.Incarnation), NodeState.Draining);
    }

    internal TimeSpan DrawWay() =>
        Latency + Draw(Jitter) + (_random.NextDouble() < SlowCalls ? Draw(SlowBy) : TimeSpan.Zero);

    internal bool DrawLostAnswer() => _random.NextDouble() < LostAnswers;

    internal TimeSpan DrawRefusal() => _random.Next(2) == 0 ? DrawWay() : Timeout;

    private bool IsAlive(NodePeer peer) => IsCurrent(peer) && _nodes[peer.Id].LeaseUntil > Now;

    private void Give(int shard, NodePeer? owner) =>
        _shards[shard] = _shards[shard] with { Owner = owner, Epoch = _shards[shard].Epoch + 1 };

    private void Rise()
    {
        Version++;
        Moved?.Invoke();
        if (NotifyDelay is { } delay)
        {
            foreach (var store in _stores)
            {
                _scheduler.PostAfter(delay + Draw(Jitter), store.Notify);
            }
        }
    }

    private TimeSpan Draw(TimeSpan upTo) => TimeSpan.FromTicks(_random.NextInt64(upTo.Ticks + 1));

    private sealed record Row(
        NodeRegistration Registration, Incarnation Incarnation, NodeState State, TimeSpan LeaseUntil)
    {
        public NodeRow ToRow(NodeId id, TimeSpan now) => new(
            id, Registration.Name, Incarnation, Registration.Address, State, LeaseUntil - now, Registration.Version,
            Registration.WireVersion);
    }
}
