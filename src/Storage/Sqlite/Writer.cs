using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>What the writer needs beside its connection.</summary>
internal sealed record WriterContext(
    SqliteStoreOptions Options,
    CommitLane Lane,
    WriteAheadLog Wal,
    TimeProvider Time,
    ILogger Log,
    StorageMetrics Metrics,
    RemovalStamps Removals,
    UsageBook Usage,
    FreeList FreeList);

/// <summary>
/// The one thread that writes. It takes what is complete at the head of the lane, commits it as one transaction
/// with one
/// sync, and ends it; what arrives meanwhile is the next batch.
/// </summary>
internal sealed class Writer
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FaultLogInterval = TimeSpan.FromSeconds(10);

    private readonly WriterContext _context;
    private readonly Database _database;
    private readonly CounterBook _counters;
    private readonly UnitWriter _units;
    private readonly Statement _begin;
    private readonly Statement _commit;
    private readonly Statement _token;
    private readonly Queue<LaneEntry> _waiting = [];
    private readonly List<CommitUnit> _batch = [];
    private readonly List<(CommitUnit Unit, string Reason)> _refused = [];
    private readonly Thread _thread;
    private string? _fault;
    private long _spooled;
    private long _faultLogged;
    private bool _recoveryIsDue;
    private bool _copyRest;
    private long _position;

    public Writer(Database database, WriterContext context)
    {
        _context = context;
        _database = database;
        _counters = new CounterBook(database, context.Options.TombstonesPerMailbox);
        _units = new UnitWriter(database, _counters, context.Time);
        _begin = database.Get("BEGIN IMMEDIATE");
        _commit = database.Get("COMMIT");
        _spooled = database.Scalar("SELECT count(*) FROM spool");
        _position = database.Scalar("SELECT token FROM commit_token WHERE lane = 0");
        _token = database.Get("UPDATE commit_token SET token = token + 1 WHERE lane = 0");
        _thread = new Thread(Run) { Name = "store-writer", IsBackground = true };
    }

    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Committed rows of the spool: counted at the start, kept by what is written.</summary>
    public long Spooled => Volatile.Read(ref _spooled);

    /// <summary>Commits that are known to be in, of this and earlier starts. From any thread.</summary>
    public long Position => Volatile.Read(ref _position);

    public void Start() => _thread.Start();

    /// <summary>After the lane was closed: what is complete is committed, the rest fails.</summary>
    public void Join() => _thread.Join();

    /// <summary>
    /// The log is copied but for a little: the writer copies that between two batches, because only a log
    /// that is copied
    /// whole can start anew, and while writes go on nobody else ever sees it whole.
    /// </summary>
    public void CopyRest()
    {
        Volatile.Write(ref _copyRest, true);
        _context.Lane.Wake();
    }

    private void Run()
    {
        while (_context.Lane.Take(_waiting, _fault is null ? Timeout.InfiniteTimeSpan : ProbeInterval))
        {
            var wasFailing = _fault is not null;
            while (CommitHead())
            {
                CopyRestIfAsked();
            }

            CopyRestIfAsked();
            if (wasFailing && _fault is not null)
            {
                Probe();
            }

            if (IsClosing())
            {
                break;
            }
        }

        FailWhatIsLeft();
    }

    // Closed, and what is left waits for contributors that will not come.
    private bool IsClosing() => _context.Lane.IsClosed && _waiting.Count > 0 && !HeadIsReady();

    private bool HeadIsReady() =>
        _waiting.TryPeek(out var head) && (head.Unit is not { } unit || unit.IsComplete);

    /// <summary>False when nothing at the head is ready.</summary>
    private bool CommitHead()
    {
        if (!HeadIsReady())
        {
            return false;
        }

        if (_waiting.Peek().Work is { } work)
        {
            var entry = _waiting.Dequeue();
            RunWork(work);
            _context.Lane.Release(entry.Weight, 1);
            return true;
        }

        var laneOctets = 0L;
        var octets = 0L;
        var entries = 0;
        while (octets < _context.Options.BatchOctetsMax && entries < _context.Options.BatchUnitsMax
            && HeadIsReady() && _waiting.Peek().Unit is { } unit)
        {
            laneOctets += _waiting.Dequeue().Weight;
            entries++;
            if (unit.IsRefused)
            {
                End(unit, CommitOutcome.Refused);
                continue;
            }

            octets += unit.Weight;
            _batch.Add(unit);
        }

        if (_batch.Count > 0)
        {
            CommitBatch();
            _batch.Clear();
        }

        _context.Lane.Release(laneOctets, entries);
        return true;
    }

    private void CommitBatch()
    {
        var started = _context.Time.GetTimestamp();
        try
        {
            // Members are hardly ever at fault: only when one is, each gets its own savepoint and the others stay.
            if (!TryWriteAll())
            {
                WriteEach();
            }
        }
        catch (SqliteFault fault)
        {
            Undo();
            Failing(fault);
            _refused.Clear();
            _context.Metrics.UnitsFailed.Add(_batch.Count);
            var outcome = fault.IsOutOfSpace ? CommitOutcome.OutOfSpace : CommitOutcome.StoreFailed;
            foreach (var unit in _batch)
            {
                End(unit, outcome);
            }

            return;
        }

        _context.Wal.Written(_database.TakePagesWritten());
        Volatile.Write(ref _spooled, _spooled + _units.SpoolChange);
        _counters.Publish(_context.Usage);
        Working();
        _context.Metrics.Commits.Add(1);
        _context.Metrics.CommitUnits.Record(_batch.Count);
        _context.Metrics.CommitSeconds.Record(_context.Time.GetElapsedTime(started).TotalSeconds);
        foreach (var (unit, reason) in _refused)
        {
            StorageLog.UnitRefused(_context.Log, reason);
            _context.Metrics.UnitsRefused.Add(1);
            End(unit, CommitOutcome.Refused);
        }

        // Ended before: ending a unit twice has no effect.
        _refused.Clear();
        foreach (var unit in _batch)
        {
            _context.Removals.Committed(unit);
            End(unit, CommitOutcome.Committed);
        }
    }

    private bool TryWriteAll()
    {
        _begin.Run();
        _counters.Begin();
        _units.SpoolChange = 0;
        foreach (var unit in _batch)
        {
            if (WriteOne(unit, flush: false) is not null)
            {
                Undo();
                return false;
            }
        }

        Commit();
        return true;
    }

    private void WriteEach()
    {
        _begin.Run();
        _counters.Begin();
        _units.SpoolChange = 0;
        foreach (var unit in _batch)
        {
            var spoolChange = _units.SpoolChange;
            _database.Execute("SAVEPOINT unit");
            if (WriteOne(unit, flush: true) is { } refusal)
            {
                _database.Execute("ROLLBACK TO unit");
                _units.SpoolChange = spoolChange;
                _counters.Forget();
                _refused.Add((unit, refusal));
            }

            _database.Execute("RELEASE unit");
        }

        Commit();
    }

    /// <summary>Null, or why the unit is refused. A fault of the store goes on to the caller.</summary>
    private string? WriteOne(CommitUnit unit, bool flush)
    {
        try
        {
            var refusal = _units.Write(unit);
            if (flush && refusal is null)
            {
                _counters.Flush();
            }

            return refusal;
        }
        catch (Exception thrown) when (thrown is not SqliteFault { IsOfWriter: false })
        {
            // A unit that nobody should have made: it must not stop the mail of all others.
            return thrown.Message;
        }
    }

    private void Commit()
    {
        _counters.Flush();
        _token.Run();
        _commit.Run();
    }

    private void RunWork(WriterWork work)
    {
        try
        {
            _begin.Run();
            work.Run(_database);
            _token.Run();
            _commit.Run();
            _context.Removals.CommittedDirectory();
        }
        catch (Exception thrown)
        {
            Undo();
            if (thrown is SqliteFault { IsOfWriter: false } fault)
            {
                Failing(fault);
            }

            work.Failed(thrown);
            return;
        }

        if (work.TouchesMailboxes)
        {
            _counters.Forget();
            _context.Usage.Clear();
        }

        _context.Wal.Written(_database.TakePagesWritten());
        Working();
        work.Committed();
    }

    private void Undo()
    {
        _counters.Forget();
        try
        {
            _database.Rollback();
        }
        catch (SqliteFault fault)
        {
            Failing(fault);
        }
    }

    private void CopyRestIfAsked()
    {
        // Copying alone cannot keep up: writing waits here, and the lane behind it turns away what is too much.
        var late = _context.Wal.UncopiedOctets > _context.Options.WalOctetsMax * 3 / 4;
        if (!late && !Volatile.Read(ref _copyRest))
        {
            return;
        }

        if (late)
        {
            _context.Wal.Copying.Enter();
        }
        else if (!_context.Wal.Copying.TryEnter())
        {
            // After the next batch, then.
            return;
        }

        try
        {
            Volatile.Write(ref _copyRest, false);
            var (log, copied, _) = _database.Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);
            _context.Wal.Copied(Math.Max(log, 0), Math.Max(copied, 0));
        }
        catch (SqliteFault fault)
        {
            StorageLog.CheckpointFailed(_context.Log, fault.Message);
        }
        finally
        {
            _context.Wal.Copying.Exit();
        }
    }

    // While failing nobody may send mail that would show that writes work again.
    private void Probe()
    {
        try
        {
            _begin.Run();
            _token.Run();
            _commit.Run();
            Working();
        }
        catch (SqliteFault fault)
        {
            Undo();
            Failing(fault);
        }
    }

    private void Failing(SqliteFault fault)
    {
        // On a disk that is nearly full small mail goes through and large mail does not: that must not
        // fill the log as well.
        if (_fault is null && (_faultLogged == 0 || _context.Time.GetElapsedTime(_faultLogged) > FaultLogInterval))
        {
            _faultLogged = _context.Time.GetTimestamp();
            _recoveryIsDue = true;
            StorageLog.WritesFail(_context.Log, fault.Message);
        }

        Volatile.Write(ref _fault, fault.IsOutOfSpace ? "The disk of the data directory is full."
            : fault.Message);
    }

    /// <summary>A commit is in.</summary>
    private void Working()
    {
        Volatile.Write(ref _position, _position + 1);
        if (_fault is not null)
        {
            Volatile.Write(ref _fault, null);
            if (_recoveryIsDue)
            {
                _recoveryIsDue = false;
                StorageLog.WritesWork(_context.Log);
            }
        }
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
            StorageLog.ParticipantThrew(_context.Log, thrown);
        }
    }

    private void FailWhatIsLeft()
    {
        while (_waiting.TryDequeue(out var entry))
        {
            if (entry.Unit is { } unit)
            {
                End(unit, CommitOutcome.StoreFailed);
            }

            entry.Work?.Failed(new StoreUnavailableException("The store is closed."));
        }
    }
}
