using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Storage.Sqlite;

internal sealed class SqliteSpoolStore(Readers readers, LeasedIds ids, Writer writer) : ISpoolStore
{
    public long Count => writer.Spooled;

    public SpoolId NextId() => new(ids.Next());

    public ValueTask<SpoolMailboxes> ListMailboxesAsync(
        MailboxId? from, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database => Mailboxes(database, from, now.ToUnixTimeMilliseconds(), limit), cancellationToken));

    public ValueTask<ImmutableArray<SpoolRow>> ListDueAsync(
        MailboxId mailbox, DateTimeOffset until, int limit, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database =>
            {
                var rows = database.Get(
                    $"SELECT {SpoolColumns.Names} FROM spool "
                    + "WHERE local = 1 AND shard = ? AND mailbox = ? AND next_attempt <= ? "
                    + "ORDER BY next_attempt, id LIMIT ?");
                rows.Bind(1, mailbox.Shard);
                rows.Bind(2, mailbox.Value);
                rows.Bind(3, Math.Min(until.ToUnixTimeMilliseconds(), SpoolText.Never - 1));
                rows.Bind(4, limit);
                return All(rows);
            },
            cancellationToken));

    public ValueTask<ImmutableArray<SpoolRow>> ListAsync(
        SpoolFilter filter, SpoolId after, int limit, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database =>
            {
                var rows = database.Get(
                    $"SELECT {SpoolColumns.Names} FROM spool WHERE id > ?1 AND (?2 IS NULL OR mailbox = ?2) "
                    + "AND (?3 IS NULL OR lower(recipient) = lower(?3)) "
                    + "AND (?4 IS NULL OR lower(substr(recipient, -length(?4) - 1)) = '@' || lower(?4)) "
                    + "ORDER BY id LIMIT ?5");
                rows.Bind(1, after.Value);
                rows.Bind(2, filter.Mailbox?.Value);
                rows.Bind(3, filter.Recipient);
                rows.Bind(4, filter.Domain);
                rows.Bind(5, limit);
                return All(rows);
            },
            cancellationToken));

    public ValueTask<SpoolRow?> FindAsync(SpoolId id, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database =>
            {
                var row = database.Get($"SELECT {SpoolColumns.Names} FROM spool WHERE id = ?");
                row.Bind(1, id.Value);
                var found = row.Step() ? SpoolColumns.Read(row) : null;
                row.Reset();
                return found;
            },
            cancellationToken));

    public ValueTask<DateTimeOffset?> FindOldestAsync(CancellationToken cancellationToken) =>
        new(readers.Ask(
            database =>
            {
                // Ids are given in the order of acceptance.
                var row = database.Get("SELECT queued FROM spool WHERE next_attempt < ? ORDER BY id LIMIT 1");
                row.Bind(1, SpoolText.Never);
                DateTimeOffset? oldest = row.Step() ? DateTimeOffset.FromUnixTimeMilliseconds(row.Long(0)) : null;
                row.Reset();
                return oldest;
            },
            cancellationToken));

    private static SpoolMailboxes Mailboxes(Database database, MailboxId? from, long now, int limit)
    {
        // The first row of each mailbox in the index is the one that is due first: one seek tells of all its rows.
        var seek = database.Get(
            "SELECT shard, mailbox, next_attempt FROM spool WHERE local = 1 AND (shard, mailbox) >= (?, ?) "
            + "ORDER BY shard, mailbox, next_attempt LIMIT 1");
        var due = ImmutableArray.CreateBuilder<MailboxId>();
        var (shard, number) = from is { } first ? ((long)first.Shard, first.Value) : (0, long.MinValue);
        for (var looked = 0; ; looked++)
        {
            seek.Bind(1, shard);
            seek.Bind(2, number);
            if (!seek.Step())
            {
                seek.Reset();
                return new(due.ToImmutable(), null);
            }

            var found = new MailboxId(seek.Long(1));
            var isDue = seek.Long(2) <= now;
            shard = seek.Long(0);
            seek.Reset();
            if (looked == limit)
            {
                return new(due.ToImmutable(), found);
            }

            number = found.Value + 1;
            if (isDue)
            {
                due.Add(found);
            }
        }
    }

    private static ImmutableArray<SpoolRow> All(Statement rows)
    {
        var all = ImmutableArray.CreateBuilder<SpoolRow>();
        while (rows.Step())
        {
            all.Add(SpoolColumns.Read(rows));
        }

        rows.Reset();
        return all.ToImmutable();
    }
}
