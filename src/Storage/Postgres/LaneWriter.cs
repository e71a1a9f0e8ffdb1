using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>What the writers of all lanes share.</summary>
internal sealed record WriterSurroundings(
    PostgresStoreOptions Options,
    CommitQueue Queue,
    Availability Availability,
    SpoolCount Spool,
    TimeProvider Time,
    ILogger Log,
    StorageMetrics Metrics);

/// <summary>
/// Commits one lane after another's back: what is complete at its head goes as one transaction, what arrives meanwhile
/// is the next one.
/// </summary>
internal sealed class LaneWriter(
    int lane, CommitBatch batch, CommitConnection connection, WriterSurroundings surroundings) : IAsyncDisposable
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(50);

    private readonly List<CommitEntry> _taken = [];
    private readonly List<CommitUnit> _units = [];
    private string? _fault;
    private bool _isAway;
    private bool _isOutOfSpace;
    private long _failedAt;
    private TimeSpan _pause;
    private Taking? _taking;
    private Task _loop = Task.CompletedTask;

    /// <summary>Commits that are known to be in, of this and earlier starts of the node. From any thread.</summary>
    public long Position => connection.Position;

    // Of a database that is there every unit is a new question; one that is away is not asked for each.
    private bool IsPausing =>
        _isAway && surroundings.Time.GetElapsedTime(_failedAt) < _pause;

    /// <summary>Before the start. Null: the lane can write. Otherwise why not.</summary>
    public async Task<string?> OpenAsync(NpgsqlDataSource source, NodePeer node)
    {
        await connection.TakeAsync(source, node).ConfigureAwait(false);
        return await connection.OpenAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Completes when the batch that is under way has ended and the next one will be written as this start of the node.
    /// </summary>
    public Task TakeAsync(NpgsqlDataSource source, NodePeer node)
    {
        var taking = new Taking(source, node);
        Interlocked.Exchange(ref _taking, taking)?.Done.TrySetResult();
        surroundings.Queue.Wake(lane);
        if (_loop.IsCompleted)
        {
            taking.Done.TrySetResult();
        }

        return taking.Done.Task;
    }

    public void Start() => _loop = Task.Run(RunAsync);

    /// <summary>After the queue was closed: what is complete is committed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _loop.ConfigureAwait(false);
        _ = Interlocked.Exchange(ref _taking, null)?.Done.TrySetResult();
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        var queue = surroundings.Queue;
        while (true)
        {
            await TakeOverAsync().ConfigureAwait(false);
            while (Volatile.Read(ref _taking) is null && queue.TryTake(
                lane, surroundings.Options.BatchOctetsMax, surroundings.Options.BatchUnitsMax, _taken,
                out var claimed))
            {
                await WriteTakenAsync().ConfigureAwait(false);
                _taken.Clear();
                queue.Release(claimed);
            }

            if (Volatile.Read(ref _taking) is not null)
            {
                continue;
            }

            if (queue.IsClosed)
            {
                return;
            }

            // While failing nobody may send mail that would show that writes work again.
            var patience = _fault is null ? Timeout.InfiniteTimeSpan : Pause();
            await queue.WaitAsync(lane, patience).ConfigureAwait(false);
            if (_fault is not null && Pause() == TimeSpan.Zero)
            {
                await WriteAsync([]).ConfigureAwait(false);
            }
        }
    }

    private async Task TakeOverAsync()
    {
        if (Interlocked.Exchange(ref _taking, null) is { } taking)
        {
            await connection.TakeAsync(taking.Source, taking.Node).ConfigureAwait(false);
            taking.Done.TrySetResult();
        }
    }

    private TimeSpan Pause()
    {
        var left = _pause - surroundings.Time.GetElapsedTime(_failedAt);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>In order, as many at a time as one transaction takes.</summary>
    private async Task WriteTakenAsync()
    {
        var at = 0;
        while (at < _taken.Count)
        {
            var from = at;
            var octets = 0L;
            _units.Clear();
            batch.Clear();
            for (; at < _taken.Count; at++)
            {
                var unit = _taken[at].Unit;
                if (unit.IsRefused)
                {
                    End(unit, CommitOutcome.Refused);
                }
                else if (batch.Add(unit) is { } reason)
                {
                    if (_units.Count > 0)
                    {
                        break;
                    }

                    Refuse(unit, reason);
                }
                else
                {
                    _units.Add(unit);
                }

                octets += _taken[at].Weight;
            }

            if (_units.Count > 0)
            {
                await WriteAsync([.. _units], isBuilt: true).ConfigureAwait(false);
            }

            surroundings.Queue.Ended(octets, at - from);
        }
    }

    /// <summary>
    /// Writes these units, which fit into one batch, and ends each. None: shows whether writing works.
    /// </summary>
    /// <param name="isBuilt">The batch holds them already.</param>
    private async Task WriteAsync(IReadOnlyList<CommitUnit> units, bool isBuilt = false)
    {
        if (surroundings.Availability is { IsNodeLost: true } or { IsUnreachable: true } or { IsSetBack: true })
        {
            // Looked at again after a pause, not at once.
            _failedAt = surroundings.Time.GetTimestamp();
            Fail(units);
            return;
        }

        if (IsPausing)
        {
            Fail(units);
            return;
        }

        for (var attempts = 1; ; attempts++)
        {
            if (await connection.OpenAsync().ConfigureAwait(false) is { } fault)
            {
                SayIfSetBack();
                Failing(fault, isAway: true);
                Fail(units);
                return;
            }

            var attempt = await AttemptAsync(units, isBuilt).ConfigureAwait(false);

            switch (attempt)
            {
                case CommitAttempt.Committed:
                    Committed(units);
                    return;
                case CommitAttempt.Refused refused:
                    await BisectAsync(units, refused.Reason).ConfigureAwait(false);
                    return;
                case CommitAttempt.ShardsLost lost:
                    units = FailLost(units, lost.Shards);
                    isBuilt = false;
                    if (units.Count == 0)
                    {
                        return;
                    }

                    break;
                case CommitAttempt.NodeLost:
                    surroundings.Availability.NodeLost();
                    Fail(units);
                    return;
                case CommitAttempt.Again again when attempts >= AttemptsMax:
                    Failing(again.Reason, isAway: false);
                    Fail(units);
                    return;
                case CommitAttempt.Failed failed:
                    _isOutOfSpace = failed.IsOutOfSpace;
                    Failing(failed.Reason, isAway: false);
                    Fail(units);
                    return;
            }
        }
    }

    private async Task<CommitAttempt> AttemptAsync(IReadOnlyList<CommitUnit> units, bool isBuilt)
    {
        if (!isBuilt)
        {
            batch.Clear();
            foreach (var unit in units)
            {
                _ = batch.Add(unit);
            }
        }

        var spoolChange = batch.SpoolChange;
        if (spoolChange != 0)
        {
            surroundings.Spool.Begin();
        }

        var started = surroundings.Time.GetTimestamp();
        var attempt = await connection.CommitAsync(surroundings.Time.GetUtcNow().ToUnixTimeMilliseconds())
            .ConfigureAwait(false);
        if (attempt is CommitAttempt.Unknown unknown)
        {
            attempt = await LookUpAsync(units, unknown).ConfigureAwait(false);
        }

        if (spoolChange != 0)
        {
            surroundings.Spool.End(attempt is CommitAttempt.Committed ? spoolChange : 0);
        }

        if (attempt is CommitAttempt.Committed && units.Count > 0)
        {
            surroundings.Metrics.CommitSeconds.Record(surroundings.Time.GetElapsedTime(started).TotalSeconds);
        }

        return attempt;
    }

    /// <summary>
    /// Until the database tells, or the store closes: nothing of the batch is answered, and the lane stands.
    /// </summary>
    private async Task<CommitAttempt> LookUpAsync(IReadOnlyList<CommitUnit> units, CommitAttempt.Unknown unknown)
    {
        PostgresLog.OutcomeUnknown(surroundings.Log, units.Count, unknown.Reason);
        while (true)
        {
            if (await connection.LookUpAsync().ConfigureAwait(false) is { } isIn)
            {
                PostgresLog.OutcomeKnown(surroundings.Log, units.Count, isIn ? "is in" : "is not in");

                // What is not in is written again, unless the database ends whoever tries.
                return isIn ? new CommitAttempt.Committed()
                    : unknown.IsOfUnit ? new CommitAttempt.Refused(unknown.Reason)
                    : new CommitAttempt.Again(unknown.Reason);
            }

            if (SayIfSetBack() is { } lost)
            {
                return new CommitAttempt.Failed(lost);
            }

            Failing(unknown.Reason, isAway: true);
            if (surroundings.Queue.IsClosed)
            {
                return new CommitAttempt.Failed(unknown.Reason);
            }

            await Task.Delay(_pause, surroundings.Time).ConfigureAwait(false);
        }
    }

    private string? SayIfSetBack()
    {
        if (connection.SetBack is { } lost)
        {
            surroundings.Availability.SetBack(lost);
        }

        return connection.SetBack;
    }

    private void Committed(IReadOnlyList<CommitUnit> units)
    {
        if (_fault is not null)
        {
            _fault = null;
            _isAway = false;
            _isOutOfSpace = false;
            _pause = TimeSpan.Zero;
            surroundings.Availability.Works(this);
        }

        if (units.Count > 0)
        {
            surroundings.Metrics.Commits.Add(1);
            surroundings.Metrics.CommitUnits.Record(units.Count);
        }

        foreach (var unit in units)
        {
            End(unit, CommitOutcome.Committed);
        }
    }

    // Members are hardly ever at fault: halves are tried until the guilty one is alone.
    private async Task BisectAsync(IReadOnlyList<CommitUnit> units, string reason)
    {
        if (units.Count == 1)
        {
            Refuse(units[0], reason);
            return;
        }

        if (units.Count > 1)
        {
            var half = units.Count / 2;
            await WriteAsync([.. units.Take(half)]).ConfigureAwait(false);
            await WriteAsync([.. units.Skip(half)]).ConfigureAwait(false);
        }
    }

    /// <summary>The units that are left.</summary>
    private List<CommitUnit> FailLost(IReadOnlyList<CommitUnit> units, IReadOnlyList<ShardId> lost)
    {
        var left = new List<CommitUnit>(units.Count);
        var failed = new List<CommitUnit>();
        foreach (var unit in units)
        {
            (unit.Guards.Any(guard => lost.Contains(guard.Shard)) ? failed : left).Add(unit);
        }

        PostgresLog.Fenced(surroundings.Log, failed.Count, string.Join(' ', lost.Select(shard => shard.Number)));
        surroundings.Metrics.UnitsFenced.Add(failed.Count);
        foreach (var unit in failed)
        {
            End(unit, CommitOutcome.StoreFailed);
        }

        return left;
    }

    private void Refuse(CommitUnit unit, string reason)
    {
        StorageLog.UnitRefused(surroundings.Log, reason);
        surroundings.Metrics.UnitsRefused.Add(1);
        End(unit, CommitOutcome.Refused);
    }

    private void Fail(IReadOnlyList<CommitUnit> units)
    {
        surroundings.Metrics.UnitsFailed.Add(units.Count);
        foreach (var unit in units)
        {
            End(unit, _isOutOfSpace ? CommitOutcome.OutOfSpace : CommitOutcome.StoreFailed);
        }
    }

    private void Failing(string fault, bool isAway)
    {
        _pause = _fault is null ? PauseMin : TimeSpan.FromTicks(
            Math.Min(_pause.Ticks * 2, surroundings.Options.ProbeInterval.Ticks));
        _fault = fault;
        _isAway = isAway;
        _failedAt = surroundings.Time.GetTimestamp();
        surroundings.Availability.Fails(this, fault, isAway);
    }

    private void End(CommitUnit unit, CommitOutcome outcome)
    {
        try
        {
            unit.End(outcome);
        }
        catch (Exception thrown)
        {
            // A participant's defect must not stop the mail of all others.
            StorageLog.ParticipantThrew(surroundings.Log, thrown);
        }
    }

    private sealed record Taking(NpgsqlDataSource Source, NodePeer Node)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
