using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation.Store;

/// <summary>
/// The mail tables of the database that the nodes share, beside its tables of nodes and shards: transactions with the
/// fence (advisory lock, check in a later statement), row locks, read committed, commits that take their time, crashes
/// in the middle of them. Statements of one batch are executed whether their client is still there or not.
/// </summary>
internal sealed class MailDatabase
{
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(1);

    private readonly SeededScheduler _scheduler;
    private readonly SimulatedClusterDatabase _tables;
    private readonly Chance _chance;
    private readonly Action<NodePeer, CommitUnit> _committed;
    private readonly Action<Exception> _broken;
    private readonly List<Transaction> _open = [];
    private readonly SortedDictionary<NodeId, FenceLock> _locks = [];
    private readonly Dictionary<(int Kind, long Id), Transaction> _rows = [];
    private readonly List<NodeStore> _stores = [];
    private long _nextId;

    /// <param name="committed">Every unit, at the instant at which it becomes durable.</param>
    public MailDatabase(
        SeededScheduler scheduler, SimulatedClusterDatabase tables, Chance chance,
        Action<NodePeer, CommitUnit> committed, Action<Exception> broken)
    {
        _broken = broken;
        _scheduler = scheduler;
        _tables = tables;
        _chance = chance;
        _committed = committed;
        tables.BackendsEnded += EndBackends;
    }

    public MailRows Rows { get; init; } = new();

    /// <summary>A planted bug: the check of the fence is not made.</summary>
    public bool HasNoFence { get; init; }

    /// <summary>How many times longer than usual a commit takes at most. 1 or more.</summary>
    public int Slowness { get; set; } = 1;

    public bool IsAway { get; private set; }

    /// <summary>Transactions by how they ended within the server.</summary>
    public SortedDictionary<TransactionEnd, int> Ends { get; } = [];

    public void Add(NodeStore store) => _stores.Add(store);

    public long NextId() => ++_nextId;

    /// <summary>
    /// The server dies: what is not durable is rolled back, of what is being written nobody can say, and all
    /// connections break.
    /// </summary>
    public void GoAway()
    {
        IsAway = true;
        _tables.IsAway = true;
        foreach (var transaction in _open.ToArray())
        {
            if (transaction.IsCommitting && _chance.OneIn(2))
            {
                Apply(transaction);
            }

            End(transaction);
        }

        foreach (var store in _stores)
        {
            store.Disconnect();
        }
    }

    public void ComeBack()
    {
        IsAway = false;
        _tables.IsAway = false;
    }

    /// <summary>
    /// The node's lock for a claim or a hand-over: when a commit that was being written is through. False: not within
    /// the lock's time-out.
    /// </summary>
    public async Task<bool> TryLockAsync(NodeId node, object session)
    {
        var got = LockOf(node).AcquireAsync(session, isExclusive: true);
        await Task.WhenAny(got, DelayAsync(LockTimeout));
        if (got.IsCompleted)
        {
            return true;
        }

        Unlock(node, session);
        return false;
    }

    public void Unlock(NodeId node, object session) => LockOf(node).Release(session);

    /// <summary>As <c>pg_terminate_backend</c>: what is not being committed already is rolled back.</summary>
    public void EndBackends(NodePeer dead)
    {
        foreach (var transaction in _open.FindAll(open => open.Writer == dead && !open.IsCommitting))
        {
            End(transaction);
        }
    }

    /// <summary>In the server, from the moment at which the batch has arrived. Null: it was ended.</summary>
    public async Task<TransactionAnswer?> ExecuteAsync(Transaction transaction)
    {
        try
        {
            return await RunAsync(transaction);
        }
        catch (Exception defect)
        {
            // Of the model: the run is worth nothing.
            _broken(defect);
            throw;
        }
    }

    private async Task<TransactionAnswer?> RunAsync(Transaction transaction)
    {
        _open.Add(transaction);
        var fence = LockOf(transaction.Writer.Id);
        if (!await fence.AcquireAsync(transaction, isExclusive: false) || transaction.IsOver)
        {
            return null;
        }

        // A statement of its own, so that it sees what was committed before the lock was got.
        await StatementAsync();
        if (transaction.IsOver)
        {
            return null;
        }

        if (CheckFence(transaction) is { } refusal)
        {
            return Ended(transaction, refusal);
        }

        await StatementAsync();
        foreach (var row in transaction.Rows)
        {
            while (!transaction.IsOver && _rows.TryGetValue(row, out var other) && !other.IsOver)
            {
                await other.Ended;
            }

            if (transaction.IsOver)
            {
                return null;
            }

            _rows[row] = transaction;
        }

        for (var i = 0; i < transaction.Units.Length; i++)
        {
            if (Rows.Fault(transaction.Units[i], transaction.Units.Take(i)) is not null)
            {
                return Ended(transaction, new(TransactionEnd.UnitRefused, Refused: transaction.Units[i]));
            }
        }

        await StatementAsync();
        if (transaction.IsOver)
        {
            return null;
        }

        transaction.IsCommitting = true;
        await DelayAsync(_chance.Milliseconds(1, 2 * Slowness));
        if (transaction.IsOver)
        {
            return null;
        }

        Apply(transaction);
        return Ended(transaction, new(TransactionEnd.Committed));
    }

    /// <summary>Ends the backend whose answer was lost, or waits for its commit, and then looks.</summary>
    public async Task<bool> FindTokenAsync(Transaction transaction)
    {
        if (!transaction.IsOver && !transaction.IsCommitting)
        {
            End(transaction);
        }

        await transaction.Ended;
        return Rows.HasToken(transaction.Token);
    }

    public Task DelayAsync(TimeSpan time) => Task.Delay(time, _scheduler.Time);

    private Task StatementAsync() =>
        DelayAsync(_chance.OneIn(8) ? _chance.Milliseconds(0, 3 * Slowness) : TimeSpan.FromTicks(500));

    private TransactionAnswer? CheckFence(Transaction transaction)
    {
        if (HasNoFence)
        {
            return null;
        }

        if (!_tables.IsCurrent(transaction.Writer))
        {
            return new(TransactionEnd.Fenced);
        }

        ImmutableArray<ShardEpoch> lost =
        [
            .. transaction.Units.SelectMany(unit => unit.Guards).Distinct()
                .Where(guard => !_tables.IsCurrent(transaction.Writer, guard)),
        ];
        return lost.IsEmpty ? null : new(TransactionEnd.ShardsLost, lost);
    }

    private void Apply(Transaction transaction)
    {
        Rows.Write(transaction.Token, transaction.Units);
        foreach (var unit in transaction.Units)
        {
            _committed(transaction.Writer, unit);
        }
    }

    private TransactionAnswer Ended(Transaction transaction, TransactionAnswer answer)
    {
        Ends[answer.End] = Ends.GetValueOrDefault(answer.End) + 1;
        End(transaction);
        return answer;
    }

    private void End(Transaction transaction)
    {
        _open.Remove(transaction);
        foreach (var row in transaction.Rows)
        {
            if (_rows.TryGetValue(row, out var holder) && ReferenceEquals(holder, transaction))
            {
                _rows.Remove(row);
            }
        }

        transaction.End();
        LockOf(transaction.Writer.Id).Release(transaction);
    }

    private FenceLock LockOf(NodeId node)
    {
        if (!_locks.TryGetValue(node, out var fence))
        {
            _locks[node] = fence = new FenceLock();
        }

        return fence;
    }
}
