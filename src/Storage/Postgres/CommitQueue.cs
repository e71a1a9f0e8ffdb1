using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// The units that wait, in lanes: each shard has one, so that a mailbox's writes commit in their order. A unit of
/// several lanes takes its place in all of them at once and goes when it is first in each; because places are taken
/// under one lock, two such units stand in the same order everywhere, and the eldest of all can always go. Bounded in
/// octets and units over all lanes. Adding never blocks.
/// </summary>
internal sealed class CommitQueue : ICommitter
{
    public const int LanesMax = 32;

    private readonly Lock _gate = new();
    private readonly Lane[] _lanes;
    private readonly uint _allLanes;
    private readonly StorageMetrics _metrics;
    private readonly long _octetsMax;
    private readonly int _unitsMax;
    private long _octets;
    private int _units;
    private long _sequence;
    private bool _closed;

    public CommitQueue(PostgresStoreOptions options, StorageMetrics metrics)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.CommitConnections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.CommitConnections, LanesMax);
        _metrics = metrics;
        _octetsMax = options.LaneOctetsMax;
        _unitsMax = options.LaneUnitsMax;
        _lanes = new Lane[options.CommitConnections];
        for (var lane = 0; lane < _lanes.Length; lane++)
        {
            _lanes[lane] = new Lane();
        }

        _allLanes = (uint)((1UL << _lanes.Length) - 1);
    }

    public int LaneCount => _lanes.Length;

    public long Octets => Volatile.Read(ref _octets);

    public bool IsClosed => Volatile.Read(ref _closed);

    public bool TryEnqueue(CommitUnit unit)
    {
        // What others will add is not known yet, nor where an empty unit belongs: these stand behind everything.
        var lanes = unit.HasOneContributor ? LanesOf(unit) : 0;
        var weight = unit.Weight;
        lock (_gate)
        {
            // A single unit larger than the bound would never find room: it is taken when nothing waits.
            if (_closed || _units >= _unitsMax || (_octets + weight > _octetsMax && _units > 0))
            {
                _metrics.LaneFull.Add(1);
                return false;
            }

            _octets += weight;
            _units++;
            var entry = new CommitEntry(unit, lanes == 0 ? _allLanes : lanes, weight, ++_sequence);
            for (var lane = 0; lane < _lanes.Length; lane++)
            {
                if ((entry.Lanes >> lane & 1) != 0)
                {
                    _lanes[lane].Waiting.Enqueue(entry);
                }
            }
        }

        return true;
    }

    public void Completed(CommitUnit unit) => Wake();

    /// <summary>Has every writer that is idle look at its lane.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            foreach (var lane in _lanes)
            {
                WakeLane(lane);
            }
        }
    }

    /// <summary>Has one writer look round, whatever its lane holds.</summary>
    public void Wake(int lane)
    {
        lock (_gate)
        {
            _lanes[lane].Wake();
        }
    }

    /// <summary>Until there may be something for the lane's writer, or the time is over.</summary>
    public Task WaitAsync(int lane, TimeSpan patience) => _lanes[lane].Signal.WaitAsync(patience);

    /// <summary>
    /// Takes what is complete at the head of the lane, up to the bounds, in order. The lanes that this involves belong
    /// to the caller until <see cref="Release"/>; a unit of several takes those others along if they are idle. False:
    /// nothing can go now.
    /// </summary>
    public bool TryTake(int lane, long octetsMax, int unitsMax, List<CommitEntry> into, out uint claimed)
    {
        lock (_gate)
        {
            claimed = 0;
            if (_lanes[lane].IsBusy)
            {
                return false;
            }

            var mine = Joined(lane);
            var octets = 0L;
            while (octets < octetsMax && into.Count < unitsMax && TryNext(ref mine, out var entry))
            {
                Dequeue(entry);
                into.Add(entry);
                octets += entry.Weight;
            }

            if (into.Count == 0)
            {
                return false;
            }

            claimed = mine;
            Mark(mine, true);
            return true;
        }
    }

    /// <summary>The room of units that have ended.</summary>
    public void Ended(long octets, int units)
    {
        lock (_gate)
        {
            _octets -= octets;
            _units -= units;
        }
    }

    /// <summary>The lanes are free for others, who are told.</summary>
    public void Release(uint claimed)
    {
        lock (_gate)
        {
            Mark(claimed, false);
            foreach (var lane in _lanes)
            {
                WakeLane(lane);
            }
        }
    }

    /// <summary>Nothing more is taken; writers commit what is complete.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (var lane in _lanes)
            {
                lane.Wake();
            }
        }
    }

    /// <summary>When all writers have ended: what nobody will commit.</summary>
    public List<CommitEntry> Drain()
    {
        lock (_gate)
        {
            var left = new List<CommitEntry>();
            for (var lane = 0; lane < _lanes.Length; lane++)
            {
                while (_lanes[lane].Waiting.TryPeek(out var entry))
                {
                    Dequeue(entry);
                    left.Add(entry);
                }
            }

            return left;
        }
    }

    /// <summary>By shard; 0: nothing says where it belongs.</summary>
    private uint LanesOf(CommitUnit unit)
    {
        var lanes = 0u;
        var other = 0u;
        for (var index = 0; index < unit.Operations.Count; index++)
        {
            switch (unit.Operations[index])
            {
                case StoreOperation.InsertMessage message:
                    lanes |= Of(message.Mailbox.Shard);
                    break;
                case StoreOperation.DeleteMessages delete:
                    lanes |= Of(delete.Mailbox.Shard);
                    break;
                case StoreOperation.RecordImport import:
                    lanes |= Of(import.Mailbox.Shard);
                    break;
                case StoreOperation.MarkWarned mark:
                    lanes |= Of(mark.Mailbox.Shard);
                    break;
                case StoreOperation.RearmWarning rearm:
                    lanes |= Of(rearm.Mailbox.Shard);
                    break;
                case StoreOperation.RaiseOldest raise:
                    lanes |= Of(raise.Mailbox.Shard);
                    break;

                // What is staged comes in the order of the body's own lane.
                case StoreOperation.InsertBody { Chunks: > 0 } body:
                    lanes |= Of(body.Body.Value);
                    break;
                case StoreOperation.InsertBody body:
                    other = Of(body.Body.Value);
                    break;
                case StoreOperation.StageChunk chunk:
                    lanes |= Of(chunk.Body.Value);
                    break;
                case StoreOperation.DiscardStaged discard:
                    lanes |= Of(discard.Body.Value);
                    break;
                case StoreOperation.InsertSpool spooled:
                    lanes |= Of(spooled.Row.Mailbox.Shard);
                    break;
                case StoreOperation.TakeSpooled taken:
                    other = Of(taken.Id.Value);
                    break;
                case StoreOperation.DeferSpooled deferred:
                    other = Of(deferred.Id.Value);
                    break;
            }
        }

        foreach (var guard in unit.Guards)
        {
            lanes |= Of(guard.Shard.Number);
        }

        return lanes != 0 ? lanes : other;
    }

    /// <summary>The lane alone when its own head cannot go.</summary>
    private uint Joined(int lane)
    {
        var mine = 1u << lane;
        if (!_lanes[lane].Waiting.TryPeek(out var head) || !CanGo(head, mine))
        {
            return mine;
        }

        for (var other = 0; other < _lanes.Length && BitOperations.PopCount(mine) < _lanes.Length / 2; other++)
        {
            if (!_lanes[other].IsBusy && _lanes[other].Waiting.TryPeek(out var waiting) && CanGo(waiting, mine))
            {
                mine |= 1u << other;
            }
        }

        return mine;
    }

    private uint Of(long number) => 1u << (int)((ulong)number % (uint)_lanes.Length);

    /// <summary>The eldest that can go among the heads of the caller's lanes; takes its other lanes along.</summary>
    private bool TryNext(ref uint mine, [NotNullWhen(true)] out CommitEntry? next)
    {
        next = null;
        for (var lane = 0; lane < _lanes.Length; lane++)
        {
            if ((mine >> lane & 1) != 0 && _lanes[lane].Waiting.TryPeek(out var head)
                && (next is null || head.Sequence < next.Sequence) && CanGo(head, mine))
            {
                next = head;
            }
        }

        mine |= next?.Lanes ?? 0;
        return next is not null;
    }

    private bool CanGo(CommitEntry entry, uint mine)
    {
        if (!entry.Unit.IsComplete)
        {
            return false;
        }

        for (var lane = 0; lane < _lanes.Length; lane++)
        {
            if ((entry.Lanes >> lane & 1) != 0
                && (!ReferenceEquals(_lanes[lane].Waiting.Peek(), entry)
                    || ((mine >> lane & 1) == 0 && _lanes[lane].IsBusy)))
            {
                return false;
            }
        }

        return true;
    }

    private void Dequeue(CommitEntry entry)
    {
        for (var lane = 0; lane < _lanes.Length; lane++)
        {
            if ((entry.Lanes >> lane & 1) != 0 && _lanes[lane].Waiting.TryPeek(out var head)
                && ReferenceEquals(head, entry))
            {
                _ = _lanes[lane].Waiting.Dequeue();
            }
        }
    }

    private void Mark(uint lanes, bool isBusy)
    {
        for (var lane = 0; lane < _lanes.Length; lane++)
        {
            if ((lanes >> lane & 1) != 0)
            {
                _lanes[lane].IsBusy = isBusy;
            }
        }
    }

    private static void WakeLane(Lane lane)
    {
        if (!lane.IsBusy && lane.Waiting.TryPeek(out var head) && head.Unit.IsComplete)
        {
            lane.Wake();
        }
    }

    private sealed class Lane
    {
        public Queue<CommitEntry> Waiting { get; } = [];

        public SemaphoreSlim Signal { get; } = new(0, 1);

        public bool IsBusy { get; set; }

        // Under the gate, so that the count never exceeds one.
        public void Wake()
        {
            if (Signal.CurrentCount == 0)
            {
                _ = Signal.Release();
            }
        }
    }
}

/// <summary>A unit's place.</summary>
/// <param name="Lanes">A bit for each.</param>
internal sealed record CommitEntry(CommitUnit Unit, uint Lanes, long Weight, long Sequence);
