using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>
/// Three nodes, the home of a source among them, and what membership does with it, in virtual time. What nodes learn
/// of homes and of each other comes late, each at its own time.
/// </summary>
internal sealed class LimitsCluster : IDisposable
{
    public const int Nodes = 3;

    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(2.5);

    private readonly Random _random;
    private readonly ShardId[] _shards;
    private readonly SourceLimitOptions _options;
    private readonly Func<Envelope, Envelope?>? _bug;
    private readonly List<NodeRow> _rows = [];
    private long _incarnations;
    private long _epoch = 1;

    public LimitsCluster(
        int seed, ShardId[] shards, SourceLimitOptions? options = null, Func<Envelope, Envelope?>? bug = null)
    {
        (_shards, _options, _bug) = (shards, options ?? new SourceLimitOptions(), bug);
        _random = new Random(seed);
        Scheduler = new SeededScheduler((ulong)seed);
        Network = new SimulatedNetwork(Scheduler, seed);
        All = [.. Enumerable.Range(1, Nodes).Select(Start)];
        Owner = All[0];
        foreach (var node in All)
        {
            node.Links.Expect([.. _rows.Select(row => row.Peer)]);
            node.Limits.Residents!.NodesChanged([.. _rows]);
        }

        Owner.Arrive(_epoch);
        foreach (var node in All.Where(node => node != Owner))
        {
            node.Homes.Set(HomeKind.There, _epoch, Owner.Self);
        }

        Scheduler.Advance(TimeSpan.FromSeconds(1));
    }

    public SeededScheduler Scheduler { get; }

    public SimulatedNetwork Network { get; }

    /// <summary>By number; the newest start of each.</summary>
    public LimitsNode[] All { get; }

    public LimitsNode Owner { get; private set; }

    public IEnumerable<LimitsNode> Up => All.Where(node => node.IsUp);

    public int Held => Up.Sum(node => node.Held.Count);

    public Task WaitAsync(TimeSpan upTo) =>
        Task.Delay(TimeSpan.FromTicks(_random.NextInt64(upTo.Ticks + 1)), Scheduler.Time);

    /// <summary>A planned move. When one of both dies in the middle, the end of its lease says what is.</summary>
    public async Task MoveAsync(LimitsNode to)
    {
        var from = Owner;
        if (from == to || !from.IsUp || !to.IsUp || from.Homes.Find(_shards[0]).Kind != HomeKind.Here)
        {
            return;
        }

        from.Homes.Set(HomeKind.Moving, _epoch);
        await from.Limits.Residents!.LeaveAsync(
            [.. _shards.Select(shard => new ShardEpoch(shard, _epoch))], CancellationToken.None);
        await WaitAsync(TimeSpan.FromMilliseconds(20));
        if (!from.IsUp || !to.IsUp)
        {
            if (from.IsUp)
            {
                // The hand-over is refused: the target is not alive.
                from.Homes.Set(HomeKind.Here, _epoch, from.Self);
            }

            return;
        }

        var old = _epoch++;
        Owner = to;
        var epoch = _epoch;
        Later(TimeSpan.FromMilliseconds(5), from, () =>
        {
            from.Homes.Set(HomeKind.There, epoch, to.Self);
            from.Limits.Residents!.Left([.. _shards.Select(shard => new ShardEpoch(shard, old))]);
        });
        Later(TimeSpan.FromMilliseconds(5), to, () => to.Arrive(epoch));
        Tell(epoch, to, from);
        await Task.Delay(TimeSpan.FromMilliseconds(260), Scheduler.Time);
    }

    /// <summary>Dies at once, and is down when its lease has ended; what it owned is claimed.</summary>
    public async Task KillAsync(LimitsNode node)
    {
        node.Crash();
        Network.Crash(node.Self);
        await Task.Delay(Lease, Scheduler.Time);
        var at = _rows.FindIndex(row => row.Peer == node.Self);
        _rows[at] = _rows[at] with { State = NodeState.Down };
        if (Owner == node)
        {
            var heirs = Up.ToArray();
            var heir = heirs[_random.Next(heirs.Length)];
            Owner = heir;
            var epoch = ++_epoch;
            ImmutableArray<NodeRow> rows = [.. _rows];
            Later(TimeSpan.FromMilliseconds(20), heir, () =>
            {
                heir.Limits.Residents!.NodesChanged(rows);
                heir.Arrive(epoch);
            });
            Tell(epoch, heir, heir);
        }

        TellNodes();
    }

    public void Restart(LimitsNode node)
    {
        var number = node.Self.Id.Value;
        _rows.RemoveAll(row => row.Id == node.Self.Id);
        var fresh = Start(number);
        All[number - 1] = fresh;
        fresh.Homes.Set(HomeKind.There, _epoch, Owner.Self);
        fresh.Limits.Residents!.NodesChanged([.. _rows]);
        TellNodes();
    }

    public void Dispose() => All.ToList().ForEach(node => node.Dispose());

    private LimitsNode Start(int number)
    {
        var node = new LimitsNode(
            Scheduler, Network, new NodePeer(new NodeId(number), new Incarnation(++_incarnations)), _shards, _options,
            _bug);
        _rows.Add(new NodeRow(
            node.Self.Id, $"node-{number}", node.Self.Incarnation, "", NodeState.Up, Lease, "1", 1));
        foreach (var other in (All ?? []).Where(other => other is { IsUp: true }).Append(node))
        {
            other.Links.Expect([.. _rows.Select(row => row.Peer)]);
        }

        return node;
    }

    private void Tell(long epoch, LimitsNode owner, LimitsNode knows)
    {
        foreach (var node in Up.Where(node => node != owner && node != knows))
        {
            Later(TimeSpan.FromMilliseconds(250), node, () =>
            {
                if (node.Homes.Find(_shards[0]).Epoch < epoch)
                {
                    node.Homes.Set(HomeKind.There, epoch, owner.Self);
                }
            });
        }
    }

    private void TellNodes()
    {
        ImmutableArray<NodeRow> rows = [.. _rows];
        foreach (var node in Up.ToArray())
        {
            node.Links.Expect([.. rows.Where(row => row.State != NodeState.Down).Select(row => row.Peer)]);
            Later(TimeSpan.FromMilliseconds(250), node, () => node.Limits.Residents!.NodesChanged([.. _rows]));
        }
    }

    private void Later(TimeSpan upTo, LimitsNode node, Action action) =>
        Scheduler.PostAfter(TimeSpan.FromTicks(_random.NextInt64(upTo.Ticks + 1)), () =>
        {
            if (node.IsUp)
            {
                action();
            }
        });
}
