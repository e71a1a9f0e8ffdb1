using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Copies the write-ahead log into the database beside the writer, which then copies the little that was added
/// meanwhile,
/// so that the log starts anew in the same blocks of the disk: overwriting syncs faster than growing.
/// </summary>
internal sealed class Checkpointer : IDisposable
{
    private readonly Database _database;
    private readonly Writer _writer;
    private readonly WriteAheadLog _wal;
    private readonly SqliteStoreOptions _options;
    private readonly string _walPath;
    private readonly ILogger _log;
    private readonly StorageMetrics _metrics;
    private readonly FreeList _freeList;
    private readonly Thread _thread;
    private bool _stopped;

    public Checkpointer(Database database, Writer writer, WriterContext context, string walPath)
    {
        _database = database;
        _writer = writer;
        _wal = context.Wal;
        _options = context.Options;
        _walPath = walPath;
        _log = context.Log;
        _metrics = context.Metrics;
        _freeList = context.FreeList;
        _thread = new Thread(Run) { Name = "store-checkpoint", IsBackground = true };
        _thread.Start();
    }

    public void Dispose()
    {
        Volatile.Write(ref _stopped, true);
        _wal.StopWaiting();
        _thread.Join();
        _database.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _wal.WaitUntilDue();
            if (Volatile.Read(ref _stopped))
            {
                return;
            }

            if (_wal.UncopiedOctets < _options.CheckpointFromOctets)
            {
                continue;
            }

            try
            {
                Copy();
            }
            catch (SqliteFault fault)
            {
                StorageLog.CheckpointFailed(_log, fault.Message);
            }
        }
    }

    private void Copy()
    {
        lock (_wal.Copying)
        {
            var isLarge = new FileInfo(_walPath) is { Exists: true } file && file.Length > _options.WalOctetsMax;
            _ = _database.Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);

            // While that took its time the writer went on; the second round leaves the writer next to nothing
            // to copy and sync.
            var (log, copied, _) = _database.Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);
            if (isLarge)
            {
                // Nearly all is copied by now, so that this holds the writer up for little more than a sync.
                (log, copied, _) = _database.Checkpoint(raw.SQLITE_CHECKPOINT_TRUNCATE);
            }

            _wal.Copied(Math.Max(log, 0), Math.Max(copied, 0));
        }

        _freeList.Read(_database);
        _metrics.Checkpoints.Add(1);
        _writer.CopyRest();
    }
}
