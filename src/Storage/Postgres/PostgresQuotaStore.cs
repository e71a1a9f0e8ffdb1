using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Postgres;

internal sealed class PostgresQuotaStore(ReadPool pool, ChangeFeed feed) : IQuotaStore
{
    public event Action Changed
    {
        add => feed.QuotaChanged += value;
        remove => feed.QuotaChanged -= value;
    }

    public ValueTask<LimitLevels?> FindAsync(LimitTarget target, CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresQuotaRows.FindAsync, target, cancellationToken);

    public async Task<DirectoryChange> ChangeAsync(
        LimitTarget target, Func<MailboxLimits, MailboxLimits> change, CancellationToken cancellationToken)
    {
        var done = await pool.WriteAsync(
            async (connection, stop) =>
            {
                // What is changed is what was read: one change after the other.
                _ = await Sql.RunAsync(connection, PostgresDirectoryWrites.Lock, stop).ConfigureAwait(false);
                var changed = await PostgresQuotaRows.ChangeAsync(connection, target, change, stop)
                    .ConfigureAwait(false);
                if (changed == DirectoryChange.Done)
                {
                    await feed.TellOfQuotaAsync(connection, stop).ConfigureAwait(false);
                }

                return changed;
            },
            cancellationToken).ConfigureAwait(false);
        if (done == DirectoryChange.Done)
        {
            feed.RaiseQuota();
        }

        return done;
    }

    // Always asked for: whichever node is the mailbox's home may have written since.
    public ValueTask<long> UsedOctetsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static (connection, box, stop) => Sql.ScalarAsync<long>(
                connection, "SELECT coalesce(sum(octets), 0)::bigint FROM folder WHERE mailbox = $1", stop, box.Value),
            mailbox,
            cancellationToken);

    public ValueTask<RetentionPage> ListRetentionAsync(
        MailboxId after, int? presetDays, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresQuotaRows.ListRetentionAsync, new RetentionQuery(after, presetDays, now, limit), cancellationToken);

    public ValueTask<int?> ShortestRetentionAsync(CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresQuotaRows.ShortestRetentionAsync, 0, cancellationToken);

    public ValueTask<ExpiredMessages> ListExpiredAsync(
        MailboxId mailbox, DateTimeOffset before, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresQuotaRows.ListExpiredAsync, (mailbox, before, limit), cancellationToken);
}
