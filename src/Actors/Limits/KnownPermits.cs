using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>
/// What this node, as the home of shards, knows of the permits that other nodes hold. Kept beside the actors: it
/// outlives their instances, and a source without connections here needs none.
/// </summary>
internal sealed class KnownPermits(
    IShardHomes homes, SourceLimitOptions options, TimeProvider time, LimitsMetrics metrics, HomeKey.Comparer comparer)
{
    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private readonly KnownShard?[] _shards = new KnownShard?[MailboxId.Shards];
    private readonly ExpiringMap<HomeKey, ImmutableArray<NodePeer>> _refused =
        new(options.RefusalsMax, options.RefusalLifetime.Ticks, comparer);

    /// <summary>They waited at a home that has been elsewhere since: each looks again.</summary>
    private readonly List<HomeKey> _toWake = [];

    private ImmutableArray<NodeRow> _nodes = [];

    /// <summary>Shards whose permits are to be asked for now. Within a lock: returns at once and asks later.</summary>
    public required Action<ImmutableArray<int>> Gather { private get; init; }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _shards.Sum(shard => shard?.Count ?? 0);
            }
        }
    }

    public int CountOfSilent
    {
        get
        {
            lock (_gate)
            {
                return _shards.Sum(shard => shard?.CountOfSilent ?? 0);
            }
        }
    }

    private long Now => time.GetElapsedTime(_started).Ticks;

    public bool IsHere(HomeKey source) => homes.Find(source.Shard).Kind == HomeKind.Here;

    /// <summary>In a turn of the source's home. Gathering: who waits is woken.</summary>
    public ShardStanding StandingOf(HomeKey source)
    {
        var id = source.Shard;
        var home = homes.Find(id);
        if (home.Kind != HomeKind.Here)
        {
            return ShardStanding.NotHere;
        }

        if (Volatile.Read(ref _shards[id.Number]) is { } known && known.Shard.Epoch == home.Epoch
            && known.Standing is var standing and not ShardStanding.Gathering)
        {
            return standing;
        }

        lock (_gate)
        {
            var shard = Current(new ShardEpoch(id, home.Epoch), out var isNew);
            if (isNew && shard.Standing == ShardStanding.Gathering)
            {
                Gather([id.Number]);
            }

            if (shard.Standing == ShardStanding.Gathering)
            {
                shard.Wait(source);
            }

            return shard.Standing;
        }
    }

    public int CountOf(HomeKey source, string binding)
    {
        if (Volatile.Read(ref _shards[source.Shard.Number]) is not { Count: > 0 })
        {
            return 0;
        }

        lock (_gate)
        {
            return _shards[source.Shard.Number]?.Find(source)?.Of(binding) ?? 0;
        }
    }

    public int CountOf(HomeKey source)
    {
        lock (_gate)
        {
            return _shards[source.Shard.Number]?.Find(source)?.Count ?? 0;
        }
    }

    /// <summary>In a turn of the source's home.</summary>
    /// <param name="others">Of connections of this node.</param>
    /// <param name="isPartial">Then there may be more than is known, so nothing is granted.</param>
    public Admission Grant(HomeKey source, string binding, Permit permit, int limit, int others, bool isPartial)
    {
        lock (_gate)
        {
            if (_shards[source.Shard.Number] is not { } shard || IsDead(permit.Holder))
            {
                return Admission.Unreachable;
            }

            var known = shard.Find(source);
            var before = known?.Find(permit);
            if (before is { IsGranted: true })
            {
                return Admission.Admitted;
            }

            if ((long)(known?.Of(binding) ?? 0) - (before is null ? 0 : 1) + others >= limit)
            {
                shard.Remove(source, permit);
                NoteRefused(source, permit.Holder);
                return Admission.TooMany;
            }

            if (isPartial)
            {
                return Admission.Unreachable;
            }

            shard.Grant(source, binding, permit);
            return Admission.Admitted;
        }
    }

    /// <summary>False: it was not known.</summary>
    public bool Remove(HomeKey source, Permit permit)
    {
        lock (_gate)
        {
            return _shards[source.Shard.Number] is { } shard && shard.Remove(source, permit);
        }
    }

    /// <summary>Who is to hear that a place is free; once.</summary>
    public ImmutableArray<NodePeer> TakeRefused(HomeKey source)
    {
        lock (_gate)
        {
            if (_refused.Count == 0 || !_refused.TryGet(source, Now, out var peers))
            {
                return [];
            }

            _refused.Remove(source, Now);
            return peers;
        }
    }

    /// <summary>A part of what another node holds; of shards that are not here it is passed over.</summary>
    public Outcome Apply(NodePeer from, PermitReport report)
    {
        var outcome = new Outcome([], []);
        lock (_gate)
        {
            if (IsDead(from))
            {
                return outcome;
            }

            foreach (var number in report.Empty)
            {
                if (Current(number) is { } shard)
                {
                    shard.BeginReport(from);
                    shard.EndReport(from, outcome.Freed);
                    End(shard, outcome);
                }
            }

            foreach (var part in report.Shards)
            {
                if (Current(part.Shard) is { } shard)
                {
                    shard.Apply(from, part, outcome.Freed);
                    End(shard, outcome);
                }
            }
        }

        return outcome;
    }

    /// <summary>After the last report of a link.</summary>
    public void LinkDown(NodePeer peer)
    {
        lock (_gate)
        {
            foreach (var shard in _shards)
            {
                shard?.BreakReport(peer);
            }
        }
    }

    /// <summary>This node is the home of these now.</summary>
    public void Arrived(ImmutableArray<ShardEpoch> shards)
    {
        lock (_gate)
        {
            var gathering = ImmutableArray.CreateBuilder<int>();
            foreach (var id in shards.Where(id => id.Shard.Cell == 0))
            {
                var shard = Current(id, out _);
                if (shard.Standing == ShardStanding.Gathering)
                {
                    gathering.Add(id.Shard.Number);
                }
            }

            if (gathering.Count > 0)
            {
                Gather(gathering.ToImmutable());
            }
        }
    }

    /// <summary>What was known, if anything: for the new home. Nobody changes it any more.</summary>
    public KnownShard? Left(ShardId id)
    {
        lock (_gate)
        {
            var shard = id.Cell == 0 ? _shards[id.Number] : null;
            if (shard is not null)
            {
                Volatile.Write(ref _shards[id.Number], null);
            }

            return shard;
        }
    }

    /// <summary>What a former home knew of others.</summary>
    public Outcome Moved(ShardMoved moved)
    {
        var outcome = new Outcome([], []);
        lock (_gate)
        {
            if (moved.Shard >= MailboxId.Shards
                || homes.Find(new ShardId(0, (int)moved.Shard)) is { Kind: HomeKind.There } there
                && there.Epoch >= moved.Epoch)
            {
                return outcome;
            }

            var shard = Current(new ShardEpoch(new ShardId(0, (int)moved.Shard), moved.Epoch), out var isNew);
            if (isNew && shard.Standing == ShardStanding.Gathering)
            {
                Gather([(int)moved.Shard]);
            }

            foreach (var holder in moved.Holders)
            {
                var peer = new NodePeer(new NodeId(holder.Node), new Incarnation(holder.Incarnation));
                if (peer != homes.Self && !IsDead(peer))
                {
                    shard.Adopt(peer, holder.Sources);
                }
            }

            End(shard, outcome);
        }

        return outcome;
    }

    /// <summary>Who is there. Null: as before.</summary>
    public Outcome? NodesChanged(ImmutableArray<NodeRow> nodes)
    {
        lock (_gate)
        {
            if (IsSame(_nodes, nodes))
            {
                return null;
            }

            var outcome = new Outcome([], []);
            _nodes = nodes;
            foreach (var shard in _shards)
            {
                if (shard is null)
                {
                    continue;
                }

                foreach (var holder in shard.Holders.Where(holder => !nodes.Any(
                    node => node.Peer == holder && node.State != NodeState.Down)).ToArray())
                {
                    shard.Bury(holder, outcome.Freed);
                }

                End(shard, outcome);
            }

            return outcome;
        }
    }

    /// <summary>Those that gather for so long that they go on with what they know.</summary>
    /// <param name="gathering">Those that gather still.</param>
    public Outcome LosePatience(out ImmutableArray<int> gathering)
    {
        var outcome = new Outcome([], []);
        var waiting = ImmutableArray.CreateBuilder<int>();
        lock (_gate)
        {
            outcome.Woken.AddRange(_toWake);
            _toWake.Clear();
            foreach (var shard in _shards)
            {
                if (shard is not { Standing: ShardStanding.Gathering })
                {
                    continue;
                }

                var age = time.GetElapsedTime(shard.Since);
                if (age < options.GatherTime)
                {
                    waiting.Add(shard.Shard.Shard.Number);
                    continue;
                }

                outcome.Woken.AddRange(shard.Settle(isPatient: false));
                metrics.Gathered(age, isWhole: shard.Standing == ShardStanding.Complete);
            }
        }

        gathering = waiting.ToImmutable();

        return outcome;
    }

    /// <summary>Who has not reported which shard, of all that are here.</summary>
    public IEnumerable<(NodePeer Peer, int Shard)> Awaited(IEnumerable<int> numbers)
    {
        lock (_gate)
        {
            return
            [
                .. numbers.SelectMany(number => _shards[number]?.Awaited.Select(peer => (peer, number)) ?? []),
            ];
        }
    }

    /// <summary>Somebody was heard, or is no more.</summary>
    private void End(KnownShard shard, Outcome outcome)
    {
        var before = shard.Standing;
        outcome.Woken.AddRange(shard.Settle(isPatient: true));
        if (before == ShardStanding.Gathering && shard.Standing != before)
        {
            metrics.Gathered(time.GetElapsedTime(shard.Since), isWhole: true);
        }
    }

    /// <summary>Null: its home is not here.</summary>
    private KnownShard? Current(uint number)
    {
        if (number >= MailboxId.Shards)
        {
            return null;
        }

        var id = new ShardId(0, (int)number);
        var home = homes.Find(id);
        if (home.Kind != HomeKind.Here)
        {
            return null;
        }

        var shard = Current(new ShardEpoch(id, home.Epoch), out var isNew);
        if (isNew && shard.Standing == ShardStanding.Gathering)
        {
            Gather([id.Number]);
        }

        return shard;
    }

    private KnownShard Current(ShardEpoch id, out bool isNew)
    {
        var shard = _shards[id.Shard.Number];
        isNew = shard is null || shard.Shard.Epoch < id.Epoch;
        if (!isNew)
        {
            return shard!;
        }

        var fresh = new KnownShard(id, time.GetTimestamp(), comparer);
        foreach (var node in _nodes)
        {
            if (node.State is NodeState.Up or NodeState.Draining && node.Id != homes.Self.Id)
            {
                fresh.Await(node.Peer);
            }
        }

        End(fresh, new Outcome([], []));
        if (shard?.TakeWaiting() is { Count: > 0 } waiting)
        {
            _toWake.AddRange(waiting);
            Gather([]);
        }

        Volatile.Write(ref _shards[id.Shard.Number], fresh);
        return fresh;
    }

    private static bool IsSame(ImmutableArray<NodeRow> one, ImmutableArray<NodeRow> other)
    {
        if (one.Length != other.Length)
        {
            return false;
        }

        for (var i = 0; i < one.Length; i++)
        {
            if (one[i].Peer != other[i].Peer || one[i].State != other[i].State)
            {
                return false;
            }
        }

        return true;
    }

    private bool IsDead(NodePeer peer)
    {
        foreach (var node in _nodes)
        {
            if (node.Id == peer.Id)
            {
                return node.Incarnation.Value > peer.Incarnation.Value
                    || (node.Incarnation == peer.Incarnation && node.State == NodeState.Down);
            }
        }

        return false;
    }

    private void NoteRefused(HomeKey source, NodePeer peer)
    {
        if (!_refused.TryGet(source, Now, out var peers))
        {
            peers = [];
        }

        _refused.Set(source, peers.Contains(peer) ? peers : peers.Add(peer), Now);
    }

    /// <param name="Freed">Sources that hold less than before.</param>
    /// <param name="Woken">Sources whose homes wait for nothing any more.</param>
    public readonly record struct Outcome(List<HomeKey> Freed, List<HomeKey> Woken);
}
