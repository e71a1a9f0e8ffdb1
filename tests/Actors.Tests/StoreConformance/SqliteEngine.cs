using MailCluster.Actors.Storage;
using MailCluster.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>SQLite in a temporary directory. A crash is a copy of its files while it runs: what a dead process
/// leaves.</summary>
public sealed class SqliteEngine : IStoreEngine
{
    private readonly QuietMeters _meters = new();
    private readonly string _root = Directory.CreateTempSubdirectory("mailcluster-store-").FullName;
    private int _generation;

    public string DataDirectory => Path.Combine(_root, $"data{_generation}");

    public long NativeOctets => SQLitePCL.raw.sqlite3_memory_used();

    public Func<SqliteStoreOptions, SqliteStoreOptions> Configure { get; set; } = options => options;

    public async Task<IMailStore> OpenAsync(TimeProvider time) => await OpenSqliteAsync(time);

    public Task<SqliteMailStore> OpenSqliteAsync(TimeProvider time) => SqliteMailStore.OpenAsync(
        Configure(new SqliteStoreOptions { DataDirectory = DataDirectory }), time, NullLoggerFactory.Instance, _meters);

    public void Crash()
    {
        var from = DataDirectory;
        _generation++;
        Directory.CreateDirectory(DataDirectory);

        // The log last, and not the index: it is rebuilt from the log as after a power loss.
        foreach (var name in (string[])["mailcluster.db", "mailcluster.db-wal"])
        {
            File.Copy(Path.Combine(from, name), Path.Combine(DataDirectory, name));
        }
    }

    public Task<int> SweepAsync(IMailStore store) =>
        ((SqliteMailStore)store).Sweeper.SweepAsync(CancellationToken.None);

    public void Dispose()
    {
        _meters.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
