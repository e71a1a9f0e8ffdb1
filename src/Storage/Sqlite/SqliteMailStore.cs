using System.Diagnostics.Metrics;
using MailCluster.Actors.Storage;
using MailCluster.Storage.History;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>The embedded store of a lone node: one SQLite database in a data directory that this process alone
/// holds.</summary>
public sealed class SqliteMailStore : IMailStore
{
    private readonly DataDirectory _directory;
    private readonly Database _database;
    private readonly StorageMetrics _metrics;
    private readonly CommitLane _lane;
    private readonly WriteAheadLog _wal;
    private readonly Writer _writer;
    private readonly Readers _readers;
    private readonly Checkpointer _checkpointer;
    private readonly Sweeper _sweeper;
    private readonly FreeList _freeList;
    private readonly PositionKeeper _keeper;
    private int _disposed;

    private SqliteMailStore(
        DataDirectory directory,
        Database database,
        SqliteStoreOptions options,
        TimeProvider time,
        ILogger log,
        IMeterFactory meters,
        FirstIds first,
        (PositionFile File, string History) memory)
    {
        _directory = directory;
        _database = database;
        _metrics = new StorageMetrics(meters);
        _lane = new CommitLane(options, _metrics);
        _wal = new WriteAheadLog(options.CheckpointFromOctets);
        var removals = new RemovalStamps();
        var usage = new UsageBook();
        _freeList = new FreeList();
        _freeList.Read(database);
        var context = new WriterContext(options, _lane, _wal, time, log, _metrics, removals, usage, _freeList);
        _writer = new Writer(database, context);
        _readers = new Readers(() => Open(directory, options.ReaderCacheKibibytes), options, log, _metrics);
        _writer.Start();
        _checkpointer = new Checkpointer(Open(directory, 64), _writer, context, directory.WalPath);
        _sweeper = new Sweeper(context);
        _keeper = new PositionKeeper(
            memory.File, new StorePosition(memory.History, SqliteHistory.Node, 0, 0, default), () => _writer.Position,
            time);
        Mailboxes = new SqliteMailboxStore(_readers);
        Bodies = new SqliteBodyStore(
            _readers, new LeasedIds(LeasedIds.Bodies, first.Body, _lane.TryEnqueue), removals);
        Spool = new SqliteSpoolStore(
            _readers, new LeasedIds(LeasedIds.Spool, first.Spool, _lane.TryEnqueue), _writer);
        Directory = new SqliteDirectoryStore(_readers, _lane, time);
        Quotas = new SqliteQuotaStore(_readers, _lane, usage);
        _metrics.ObserveLane(() => _lane.Octets);
        _metrics.ObserveWal(() => _wal.Octets);
        _metrics.ObserveFreeList(() => _freeList.Octets);
    }

    public ICommitter Committer => _lane;

    public IMailboxStore Mailboxes { get; }

    public IBodyStore Bodies { get; }

    public IDirectoryStore Directory { get; }

    public ISpoolStore Spool { get; }

    public IQuotaStore Quotas { get; }

    public string? Fault => _writer.Fault;

    public long ReusableOctets => _freeList.Octets;

    internal Sweeper Sweeper => _sweeper;

    /// <exception cref="StoreOpenException">With what an administrator has to know; nothing was left half
    /// written.</exception>
    public static Task<SqliteMailStore> OpenAsync(
        SqliteStoreOptions options, TimeProvider time, ILoggerFactory loggers, IMeterFactory meters) =>
        // Opening waits for the disk and may recover a log; the pool is not for that.
        Task.Factory.StartNew(
            () => Open(options, time, loggers.CreateLogger("MailCluster.Storage"), meters),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

    /// <summary>
    /// With the node stopped: what is given from now on was never given before, whatever the database has lost.
    /// </summary>
    /// <returns>The number of mailboxes.</returns>
    /// <exception cref="StoreOpenException">The node runs, or the database cannot be opened.</exception>
    public static long AcceptRestore(string dataDirectory, TimeProvider time)
    {
        SqliteLibrary.Load();
        using var directory = DataDirectory.Hold(dataDirectory);
        if (!File.Exists(directory.DatabasePath))
        {
            throw new StoreOpenException($"There is no store in {directory.Root}.");
        }

        try
        {
            using var database = Open(directory, 1024);
            _ = Migrator.Run(database, time.GetUtcNow());
            return SqliteHistory.Accept(
                database, new PositionFile(directory.Root, NullLogger.Instance).Read(), time.GetUtcNow());
        }
        catch (SqliteFault fault)
        {
            throw Explain(directory, fault);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _sweeper.DisposeAsync().ConfigureAwait(false);
        _lane.Close();
        _writer.Join();
        await _keeper.DisposeAsync().ConfigureAwait(false);
        _checkpointer.Dispose();
        _readers.Dispose();
        _wal.Dispose();

        // The last connection to close copies the log and removes it.
        _database.Dispose();
        _metrics.Dispose();
        _directory.Dispose();
    }

    private static SqliteMailStore Open(SqliteStoreOptions options, TimeProvider time, ILogger log,
        IMeterFactory meters)
    {
        SqliteLibrary.Load();
        var directory = DataDirectory.Hold(options.DataDirectory);
        Database? database = null;
        try
        {
            database = Open(directory, options.WriterCacheKibibytes, create: true);
            var applied = Migrator.Run(database, time.GetUtcNow());
            var (file, history) = Check(database, directory, log);
            database.Execute("BEGIN IMMEDIATE");
            var first = new FirstIds(
                LeasedIds.Lease(database, LeasedIds.Bodies), LeasedIds.Lease(database, LeasedIds.Spool));
            database.Execute("COMMIT");
            var store = new SqliteMailStore(directory, database, options, time, log, meters, first, (file, history));
            StorageLog.Opened(log, options.DataDirectory, raw.sqlite3_libversion().utf8_to_string(), applied);
#if STORE_SYNCHRONOUS_OFF
            StorageLog.NotSynchronous(log);
#endif
            return store;
        }
        catch (Exception thrown)
        {
            database?.Dispose();
            directory.Dispose();
            throw thrown is SqliteFault fault ? Explain(directory, fault) : thrown;
        }
    }

    private static (PositionFile File, string History) Check(
        Database database, DataDirectory directory, ILogger log)
    {
        var file = new PositionFile(directory.Root, log);
        var found = SqliteHistory.Read(database, directory.DatabasePath);
        return found.RefusalOf(file.Read(), SqliteHistory.Node, directory.Root) is { } refusal
            ? throw new StoreOpenException(refusal)
            : (file, found.Current);
    }

    private static Database Open(DataDirectory directory, int cacheKibibytes, bool create = false)
    {
        var isNew = new FileInfo(directory.DatabasePath) is not { Exists: true, Length: > 0 };
        var database = Database.Open(directory.DatabasePath, create, cacheKibibytes);
        try
        {
            // What has to stand before the first page is written; on a file that exists it would write to it.
            if (isNew)
            {
                database.Execute("PRAGMA page_size=8192");
                database.Execute("PRAGMA auto_vacuum=INCREMENTAL");
            }

            if (database.ScalarText("PRAGMA journal_mode=WAL") != "wal")
            {
                throw new StoreOpenException(
                    $"The database {directory.DatabasePath} cannot use a write-ahead log on this file system.");
            }
#if STORE_SYNCHRONOUS_OFF
            database.Execute("PRAGMA synchronous=OFF");
#else
            database.Execute("PRAGMA synchronous=FULL");
#endif
            database.Execute("PRAGMA wal_autocheckpoint=0");
            return database;
        }
        catch (Exception)
        {
            database.Dispose();
            throw;
        }
    }

    private static StoreOpenException Explain(DataDirectory directory, SqliteFault fault)
    {
        var advice = fault.Code switch
        {
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB =>
                "It is damaged or no database of this program: restore a backup.",
            raw.SQLITE_FULL => "The disk is full.",
            raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_READONLY =>
                "It has to be readable and writable by the server's user.",
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => "Another program has it open.",
            _ => "The disk or its file system failed.",
        };
        return new StoreOpenException(
            $"The database {directory.DatabasePath} cannot be opened. {advice} {fault.Message}", fault);
    }

    private readonly record struct FirstIds(long Body, long Spool);
}
