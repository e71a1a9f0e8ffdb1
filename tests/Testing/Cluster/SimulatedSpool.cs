using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Testing.Cluster;

/// <summary>The spool of a simulated store: sorted rows, read after a moment.</summary>
public sealed class SimulatedSpool(SeededScheduler scheduler) : ISpoolStore
{
    private static readonly TimeSpan ReadTime = TimeSpan.FromMilliseconds(1);

    private long _next = 1;

    public SortedDictionary<SpoolId, SpoolRow> Rows { get; } =
        new(Comparer<SpoolId>.Create((left, right) => left.Value.CompareTo(right.Value)));

    /// <summary>Rows that reads gave, of the largest read.</summary>
    public int LargestRead { get; private set; }

    public int ReadsToFail { get; set; }

    public long Count => Rows.Count;

    public SpoolId NextId() => new(_next++);

    public void Write(StoreOperation operation)
    {
        switch (operation)
        {
            case StoreOperation.InsertSpool inserted:
                Rows.Add(inserted.Row.Id, inserted.Row);
                break;
            case StoreOperation.TakeSpooled taken:
                Rows.Remove(taken.Id);
                break;
            case StoreOperation.DeferSpooled deferred when Rows.TryGetValue(deferred.Id, out var row):
                Rows[row.Id] = row with
                {
                    Attempts = deferred.Attempts,
                    NextAttempt = deferred.NextAttempt,
                    LastError = deferred.LastError,
                };
                break;
        }
    }

    public async ValueTask<SpoolMailboxes> ListMailboxesAsync(
        MailboxId? from, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        await ReadAsync();
        var mailboxes = Rows.Values.GroupBy(row => row.Mailbox)
            .Where(group => from is null || Order(group.Key).CompareTo(Order(from.Value)) >= 0)
            .OrderBy(group => Order(group.Key)).ToList();
        return new(
            [.. mailboxes.Take(limit).Where(group => group.Any(row => row.NextAttempt <= now))
                .Select(group => group.Key)],
            mailboxes.Count > limit ? mailboxes[limit].Key : null);
    }

    public async ValueTask<ImmutableArray<SpoolRow>> ListDueAsync(
        MailboxId mailbox, DateTimeOffset until, int limit, CancellationToken cancellationToken)
    {
        await ReadAsync();
        ImmutableArray<SpoolRow> rows =
        [
            .. Rows.Values.Where(row => row.Mailbox == mailbox && row.NextAttempt <= until)
                .OrderBy(row => row.NextAttempt).Take(limit),
        ];
        LargestRead = Math.Max(LargestRead, rows.Length);
        return rows;
    }

    public ValueTask<ImmutableArray<SpoolRow>> ListAsync(
        SpoolFilter filter, SpoolId after, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public async ValueTask<SpoolRow?> FindAsync(SpoolId id, CancellationToken cancellationToken)
    {
        await ReadAsync();
        return Rows.GetValueOrDefault(id);
    }

    public async ValueTask<DateTimeOffset?> FindOldestAsync(CancellationToken cancellationToken)
    {
        await ReadAsync();
        return Rows.Values.FirstOrDefault(row => !row.IsParked)?.Queued;
    }

    private static (int Shard, long Number) Order(MailboxId mailbox) => (mailbox.Shard, mailbox.Value);

    private async Task ReadAsync()
    {
        await Task.Delay(ReadTime, scheduler.Time);
        if (ReadsToFail > 0)
        {
            ReadsToFail--;
            throw new StoreUnavailableException("Reads fail.");
        }
    }
}
