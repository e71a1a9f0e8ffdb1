using BenchmarkDotNet.Attributes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// Messages of 1 KiB through the committer onto a disk (TMPDIR), each waited for by its sender: alone, a message pays
/// for a commit, and with others it shares it. What threads and latencies make of it over many checkpoints is said by
/// <c>committer</c>. dotnet run -c Release --project benchmarks -- --filter '*Committer*' --job short --inProcess
/// </summary>
[MemoryDiagnoser]
public class CommitterBenchmarks
{
    private const int Messages = 200;

    private readonly byte[] _text = new byte[1024];
    private string _directory = null!;
    private SqliteMailStore _store = null!;

    /// <summary>Senders at once.</summary>
    [Params(1, 20, 200)]
    public int Senders { get; set; }

    [GlobalSetup]
    public void Setup() => OpenAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup()
    {
        _store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_directory, recursive: true);
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Commit() => Task.WhenAll(Enumerable.Range(0, Senders).Select(SendAsync));

    private async Task OpenAsync()
    {
        _directory = Directory.CreateTempSubdirectory("committer-").FullName;
        _store = await SqliteMailStore.OpenAsync(
            new SqliteStoreOptions { DataDirectory = _directory }, TimeProvider.System, NullLoggerFactory.Instance,
            new Meters());
        await _store.Directory.AddDomainAsync("demo", "example.test", CancellationToken.None);
        await _store.Directory.AddAccountsAsync(
            "example.test",
            [.. Enumerable.Range(0, Senders).Select(user => ($"user{user}", (Shared.Accounts.ScramKeys?)null))],
            CancellationToken.None);
    }

    private async Task SendAsync(int sender)
    {
        for (var count = 0; count < Messages / Senders; count++)
        {
            var body = _store.Bodies.NextId();
            var now = DateTimeOffset.UtcNow;
            var unit = new CommitUnit(1, new StoreOperation.InsertBody(body, _text, _text.Length, 0));
            unit.Contribute(_store.Committer, null, new StoreOperation.InsertMessage(
                new MailboxId(2 + sender), FolderId.Inbox, MessageNumber.After(new MessageNumber(body.Value), now),
                new Uid((uint)body.Value), new ModSeq(body.Value + 1), body, (uint)_text.Length, (uint)_text.Length,
                now));
            if (await unit.Completion != CommitOutcome.Committed)
            {
                throw new InvalidOperationException("A message was not committed.");
            }
        }
    }
}
