using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation.Store;

/// <summary>
/// Lanes as those of a node on PostgreSQL: each shard's units in order through one of several connections, a unit of
/// several lanes a barrier in each, lost shards and faulty units taken out and the rest tried again, unknown outcomes
/// looked up before anyone is answered. All of it stands when its process does.
/// </summary>
internal sealed class NodeCommitter(NodeStore store, SimulatedProcess process) : ICommitter
{
    private const int LanesMax = 3;
    private const int BatchMax = 16;
    private const int LaneUnitsMax = 64;

    /// <summary>What is known not to be in is tried again, every so many times given up.</summary>
    private const int AgainMax = 4;

    private static readonly TimeSpan LookUpPause = TimeSpan.FromMilliseconds(100);

    private readonly Lane[] _lanes = [.. Enumerable.Range(0, LanesMax).Select(_ => new Lane())];
    private readonly Dictionary<CommitUnit, int[]> _places = [];
    private long _tokens;
    private int _again;

    public bool TryEnqueue(CommitUnit unit)
    {
        var lanes = LanesOf(unit);
        if (lanes.Any(lane => _lanes[lane].Units.Count >= LaneUnitsMax))
        {
            return false;
        }

        _places.Add(unit, lanes);
        foreach (var lane in lanes)
        {
            _lanes[lane].Units.AddLast(unit);
        }

        return true;
    }

    public void Completed(CommitUnit unit) => process.Post(() => Pump(_places.GetValueOrDefault(unit, [])));

    /// <summary>By shard; what has none goes by its body or row, and an empty unit stands behind everything.</summary>
    private static int[] LanesOf(CommitUnit unit)
    {
        var shards = unit.Guards.Select(guard => guard.Shard.Number).ToList();
        var others = new List<long>();
        foreach (var operation in unit.Operations)
        {
            switch (operation)
            {
                case StoreOperation.InsertMessage insert:
                    shards.Add(insert.Mailbox.Shard);
                    break;
                case StoreOperation.DeleteMessages delete:
                    shards.Add(delete.Mailbox.Shard);
                    break;
                case StoreOperation.InsertSpool spooled:
                    others.Add(spooled.Row.Body.Value);
                    break;
                case StoreOperation.TakeSpooled taken:
                    others.Add(taken.Id.Value);
                    break;
                case StoreOperation.DeferSpooled deferred:
                    others.Add(deferred.Id.Value);
                    break;
            }
        }

        return shards.Count > 0 ? [.. shards.Select(shard => shard % LanesMax).Distinct().Order()]
            : others.Count > 0 ? [(int)(others[^1] % LanesMax)]
            : [.. Enumerable.Range(0, LanesMax)];
    }

    private void Pump(int[] lanes)
    {
        foreach (var lane in lanes)
        {
            var batch = NextBatch(lane);
            if (!batch.IsEmpty)
            {
                _ = CommitAsync(batch);
            }
        }
    }

    /// <summary>What stands complete at the head of a lane; one unit of several lanes goes alone.</summary>
    private ImmutableArray<CommitUnit> NextBatch(int lane)
    {
        if (_lanes[lane].IsBusy || _lanes[lane].Units.First is not { Value: { IsComplete: true } head })
        {
            return [];
        }

        var lanes = _places[head];
        if (lanes.Length > 1)
        {
            if (lanes.Any(other => _lanes[other].IsBusy || _lanes[other].Units.First!.Value != head))
            {
                return [];
            }

            Occupy(lanes, true);
            return [head];
        }

        Occupy(lanes, true);
        return [.. _lanes[lane].Units.TakeWhile(unit => unit.IsComplete && _places[unit].Length == 1).Take(BatchMax)];
    }

    private async Task CommitAsync(ImmutableArray<CommitUnit> batch)
    {
        var lanes = _places[batch[0]];
        var left = batch.Where(unit => !unit.IsRefused).ToImmutableArray();
        foreach (var unit in batch.Where(unit => unit.IsRefused))
        {
            End(unit, CommitOutcome.Refused);
        }

        while (!left.IsEmpty)
        {
            left = await TryCommitAsync(left);
        }

        Occupy(lanes, false);
        Pump([.. Enumerable.Range(0, LanesMax)]);
    }

    /// <summary>Those that are to be tried again.</summary>
    private async Task<ImmutableArray<CommitUnit>> TryCommitAsync(ImmutableArray<CommitUnit> units)
    {
        if (units.All(unit => unit.Operations.Count == 0))
        {
            EndAll(units, CommitOutcome.Committed);
            return [];
        }

        var transaction = new Transaction(store.Self, (store.Self.Incarnation.Value << 32) + ++_tokens, units);
        var answer = await store.ExecuteAsync(transaction);
        switch (answer.End)
        {
            case TransactionEnd.Committed:
                EndAll(units, CommitOutcome.Committed);
                return [];
            case TransactionEnd.UnitRefused:
                End(answer.Refused!, CommitOutcome.Refused);
                return units.Remove(answer.Refused!);
            case TransactionEnd.ShardsLost:
                var lost = units.Where(unit => unit.Guards.Any(answer.Lost.Contains)).ToImmutableArray();
                EndAll(lost, CommitOutcome.StoreFailed);
                return units.RemoveRange(lost);
            case TransactionEnd.Unknown:
                var isCommitted = await LookUpAsync(transaction);
                if (!isCommitted && ++_again % AgainMax != 0)
                {
                    return units;
                }

                EndAll(units, isCommitted ? CommitOutcome.Committed : CommitOutcome.StoreFailed);
                return [];
            default:
                EndAll(units, CommitOutcome.StoreFailed);
                return [];
        }
    }

    private async Task<bool> LookUpAsync(Transaction transaction)
    {
        while (true)
        {
            if (await store.FindTokenAsync(transaction) is { } isCommitted)
            {
                return isCommitted;
            }

            await Task.Delay(LookUpPause, process.Time);
        }
    }

    private void EndAll(ImmutableArray<CommitUnit> units, CommitOutcome outcome)
    {
        foreach (var unit in units)
        {
            End(unit, outcome);
        }
    }

    private void End(CommitUnit unit, CommitOutcome outcome)
    {
        _places.Remove(unit, out var lanes);
        foreach (var lane in lanes!)
        {
            _lanes[lane].Units.Remove(unit);
        }

        unit.End(outcome);
    }

    private void Occupy(int[] lanes, bool isBusy)
    {
        foreach (var lane in lanes)
        {
            _lanes[lane].IsBusy = isBusy;
        }
    }

    private sealed class Lane
    {
        public LinkedList<CommitUnit> Units { get; } = new();

        public bool IsBusy { get; set; }
    }
}
