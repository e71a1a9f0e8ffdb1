using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

internal sealed class SqliteQuotaStore(Readers readers, CommitLane lane, UsageBook usage) : IQuotaStore
{
    public event Action? Changed;

    public ValueTask<LimitLevels?> FindAsync(LimitTarget target, CancellationToken cancellationToken) =>
        new(readers.Ask(database => QuotaRows.Find(database, target), cancellationToken));

    public async Task<DirectoryChange> ChangeAsync(
        LimitTarget target, Func<MailboxLimits, MailboxLimits> change, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var work = new WriterWork<DirectoryChange>(
            database => QuotaRows.Change(database, target, change), touchesMailboxes: false);
        if (!lane.TryEnqueue(work))
        {
            work.Failed(new StoreUnavailableException("The commit lane is full."));
        }

        var done = await work.Completion.ConfigureAwait(false);
        if (done == DirectoryChange.Done)
        {
            Changed?.Invoke();
        }

        return done;
    }

    public ValueTask<long> UsedOctetsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        usage.TryGet(mailbox.Value, out var octets, out var version)
            ? ValueTask.FromResult(octets)
            : ReadUsedOctetsAsync(mailbox.Value, version, cancellationToken);

    public ValueTask<RetentionPage> ListRetentionAsync(
        MailboxId after, int? presetDays, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database => QuotaRows.ListRetention(database, after, presetDays, now, limit), cancellationToken));

    public ValueTask<int?> ShortestRetentionAsync(CancellationToken cancellationToken) =>
        new(readers.Ask(QuotaRows.ShortestRetention, cancellationToken));

    public ValueTask<ExpiredMessages> ListExpiredAsync(
        MailboxId mailbox, DateTimeOffset before, int limit, CancellationToken cancellationToken) =>
        new(readers.Ask(database => QuotaRows.ListExpired(database, mailbox, before, limit), cancellationToken));

    private async ValueTask<long> ReadUsedOctetsAsync(
        long mailbox, long version, CancellationToken cancellationToken)
    {
        var octets = await readers.Ask(
            database =>
            {
                var row = database.Get("SELECT coalesce(sum(octets), 0) FROM folder WHERE mailbox = ?");
                row.Bind(1, mailbox);
                _ = row.Step();
                var sum = row.Long(0);
                row.Reset();
                return sum;
            },
            cancellationToken).ConfigureAwait(false);
        usage.Put(mailbox, octets, version);
        return octets;
    }
}
