using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Deletes bodies that nothing has referred to for a day and chunks of messages that never came to their end, in small
/// transactions of the writer, so that mail never waits long; gives freed pages back to the file system.
/// </summary>
internal sealed class Sweeper : IAsyncDisposable
{
    private const int BodiesPerBatch = 64;
    private const int VacuumPages = 256;
    private const int ChunksPerBatch = 64;
    private const int MarksPerBatch = 1000;

    private readonly SqliteStoreOptions _options;
    private readonly CommitLane _lane;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly StorageMetrics _metrics;
    private readonly FreeList _freeList;
    private readonly CancellationTokenSource _stop = new();
    private readonly PeriodicTimer _timer;
    private readonly Task _loop;

    public Sweeper(WriterContext context)
    {
        _options = context.Options;
        _lane = context.Lane;
        _time = context.Time;
        _log = context.Log;
        _metrics = context.Metrics;
        _freeList = context.FreeList;
        _timer = new PeriodicTimer(_options.SweepInterval, _time);
        _loop = RunAsync();
    }

    /// <summary>All that is due now. The number of bodies that went.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var bodies = 0;
        var staged = 0;
        (int Looked, int Gone) swept;
        do
        {
            swept = await WriteAsync(SweepUnreferenced, cancellationToken).ConfigureAwait(false);
            bodies += swept.Gone;
        }
        while (swept.Looked > 0);

        do
        {
            swept = await WriteAsync(SweepStaged, cancellationToken).ConfigureAwait(false);
            staged += swept.Gone;
        }
        while (swept.Looked > 0);

        while (await WriteAsync(SweepImportMarks, cancellationToken).ConfigureAwait(false))
        {
        }

        while (await WriteAsync(Vacuum, cancellationToken).ConfigureAwait(false))
        {
        }

        if (bodies + staged > 0)
        {
            _metrics.BodiesSwept.Add(bodies);
            StorageLog.Swept(_log, bodies, staged);
        }

        return bodies + staged;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _timer.Dispose();
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private bool Vacuum(Database database)
    {
        _freeList.Read(database);
        // What is freed by deletes is soon used by inserts: only a quarter of the file or more is worth
        // moving pages for.
        var free = database.Scalar("PRAGMA freelist_count");
        if (free < VacuumPages || free * 4 < database.Scalar("PRAGMA page_count"))
        {
            return false;
        }

        database.Get("PRAGMA incremental_vacuum(256)").Run();
        return true;
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                try
                {
                    _ = await SweepAsync(_stop.Token).ConfigureAwait(false);
                }
                catch (StoreUnavailableException failed)
                {
                    StorageLog.SweepFailed(_log, failed.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The store is closing.
        }
    }

    private Task<TResult> WriteAsync<TResult>(Func<Database, TResult> write, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var work = new WriterWork<TResult>(write, touchesMailboxes: false);
        if (!_lane.TryEnqueue(work))
        {
            work.Failed(new StoreUnavailableException("The commit lane is full."));
        }

        return work.Completion;
    }

    private (int Looked, int Gone) SweepUnreferenced(Database database)
    {
        var due =
            Due(database, "SELECT body FROM unreferenced WHERE since <= ? ORDER BY since LIMIT ?",
                _options.UnreferencedFor);
        var gone = 0;
        foreach (var body in due)
        {
            // The reference is looked for in the transaction that deletes: none can come between.
            var reference = database.Get(
                "SELECT 1 FROM message WHERE body = ?1 UNION ALL SELECT 1 FROM spool WHERE body = ?1 LIMIT 1");
            reference.Bind(1, body);
            var isReferenced = reference.Step();
            reference.Reset();
            if (isReferenced)
            {
                Run(database, "DELETE FROM unreferenced WHERE body = ?", body);
                continue;
            }

            if (!DropChunks(database, body))
            {
                // A large body goes in several transactions; its row goes with the last.
                return (due.Count, gone);
            }

            Run(database, "DELETE FROM unreferenced WHERE body = ?", body);
            Run(database, "DELETE FROM body WHERE id = ?", body);
            gone++;
        }

        return (due.Count, gone);
    }

    private (int Looked, int Gone) SweepStaged(Database database)
    {
        var due = Due(database, "SELECT body FROM staged WHERE since <= ? ORDER BY since LIMIT ?", _options.StagedFor);
        var gone = 0;
        foreach (var body in due)
        {
            if (!DropChunks(database, body))
            {
                return (due.Count, gone);
            }

            Run(database, "DELETE FROM staged WHERE body = ?", body);
            gone++;
        }

        return (due.Count, gone);
    }

    /// <summary>True when there may be more.</summary>
    private bool SweepImportMarks(Database database)
    {
        var drop = database.Get(
            "DELETE FROM import_mark WHERE (mailbox, source) IN "
                + "(SELECT mailbox, source FROM import_mark WHERE since <= ? LIMIT ?)");
        drop.Bind(1, (_time.GetUtcNow() - _options.ImportMarksFor).ToUnixTimeMilliseconds());
        drop.Bind(2, MarksPerBatch);
        drop.Run();
        return database.Changes == MarksPerBatch;
    }

    private List<long> Due(Database database, string sql, TimeSpan age)
    {
        var rows = database.Get(sql);
        rows.Bind(1, (_time.GetUtcNow() - age).ToUnixTimeMilliseconds());
        rows.Bind(2, BodiesPerBatch);
        var due = new List<long>();
        while (rows.Step())
        {
            due.Add(rows.Long(0));
        }

        rows.Reset();
        return due;
    }

    /// <summary>True when none is left.</summary>
    private static bool DropChunks(Database database, long body)
    {
        var drop = database.Get(
            "DELETE FROM body_chunk WHERE id IN (SELECT id FROM body_chunk WHERE id BETWEEN ? AND ? ORDER BY id "
                + "DESC LIMIT ?)");
        drop.Bind(1, body << UnitWriter.ChunkShift);
        drop.Bind(2, (body << UnitWriter.ChunkShift) + (1 << UnitWriter.ChunkShift) - 1);
        drop.Bind(3, ChunksPerBatch);
        drop.Run();
        return database.Changes < ChunksPerBatch;
    }

    private static void Run(Database database, string sql, long body)
    {
        var statement = database.Get(sql);
        statement.Bind(1, body);
        statement.Run();
    }
}
