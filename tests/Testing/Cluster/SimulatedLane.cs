using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>What one process commits through: units in their order, those that are complete in one commit.</summary>
public sealed class SimulatedLane(SimulatedMailDatabase database, SeededScheduler scheduler, NodePeer node)
    : ICommitter
{
    private readonly Queue<CommitUnit> _units = new();
    private bool _isScheduled;
    private bool _isDead;

    /// <summary>The database cannot be reached from here: commits fail.</summary>
    public bool IsCutOff { get; set; }

    public bool TryEnqueue(CommitUnit unit)
    {
        if (_isDead || !database.TakesPlace(unit))
        {
            return false;
        }

        _units.Enqueue(unit);
        return true;
    }

    public void Completed(CommitUnit unit) => Schedule();

    /// <summary>
    /// The process ends now: what is in the lane is durable up to some place and lost from there on, and nobody hears
    /// of either.
    /// </summary>
    public void Crash(int durable)
    {
        for (; durable > 0 && _units.TryPeek(out var head) && head.IsComplete; durable--)
        {
            if (!_units.Dequeue().IsRefused && IsAllowed(head))
            {
                database.TryWrite(head);
            }
        }

        _units.Clear();
        _isDead = true;
        database.Forget(this);
    }

    internal void Schedule()
    {
        if (_isScheduled || database.IsHeld || _isDead)
        {
            return;
        }

        _isScheduled = true;
        if (database.CommitTime > TimeSpan.Zero)
        {
            scheduler.PostAfter(database.CommitTime, CommitHead);
        }
        else
        {
            // Among the turns that can run now: time goes on only when none can.
            scheduler.Post(CommitHead);
        }
    }

    private void CommitHead()
    {
        _isScheduled = false;
        if (database.IsHeld || _isDead)
        {
            return;
        }

        List<CommitUnit> batch = [];
        while (_units.TryPeek(out var head) && head.IsComplete)
        {
            batch.Add(_units.Dequeue());
        }

        if (batch.Count == 0)
        {
            return;
        }

        if (database.CommitsToFail > 0 || IsCutOff)
        {
            database.CommitsToFail = Math.Max(database.CommitsToFail - 1, 0);
            End(batch, database.Failure);
            return;
        }

        // As the real writer: those refused are told before those committed.
        var fenced = batch.Where(unit => !IsAllowed(unit)).ToList();
        database.FencedOff += fenced.Count;
        var refused = batch.Except(fenced).Where(unit => unit.IsRefused || !database.TryWrite(unit)).ToList();
        End(fenced, CommitOutcome.StoreFailed);
        End(refused, CommitOutcome.Refused);
        End([.. batch.Except(fenced).Except(refused)], CommitOutcome.Committed);
    }

    private bool IsAllowed(CommitUnit unit) =>
        database.Fence is not { } fence || unit.Guards.All(guard => fence(node, guard));

    private void End(List<CommitUnit> units, CommitOutcome outcome)
    {
        foreach (var unit in units)
        {
            database.Ended.Add(unit);
            unit.End(outcome);
        }
    }
}
