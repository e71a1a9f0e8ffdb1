using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Npgsql;
using NpgsqlTypes;

namespace MailCluster.Storage.Postgres;

internal sealed class PostgresSpoolStore(ReadPool pool, PostgresIds ids, SpoolCount count) : ISpoolStore
{
    private const string Columns =
        "SELECT id, mailbox, body, octets, wire_octets, sender, recipient, body_type, smtputf8, authenticated_user, "
        + "queued, attempts, next_attempt, last_error, traits FROM spool ";

    // The first row of each mailbox in the index is the one that is due first: one seek tells of all its rows.
    private const string Mailboxes =
        "WITH RECURSIVE box AS ("
        + "(SELECT shard, mailbox, next_attempt FROM spool WHERE local AND (shard, mailbox) >= ($1, $2) "
        + "ORDER BY shard, mailbox, next_attempt LIMIT 1) UNION ALL "
        + "SELECT n.shard, n.mailbox, n.next_attempt FROM box CROSS JOIN LATERAL ("
        + "SELECT s.shard, s.mailbox, s.next_attempt FROM spool s WHERE s.local "
        + "AND (s.shard, s.mailbox) > (box.shard, box.mailbox) "
        + "ORDER BY s.shard, s.mailbox, s.next_attempt LIMIT 1) n) "
        + "SELECT mailbox, next_attempt FROM box LIMIT $3";

    public long Count => count.Value;

    public SpoolId NextId() => new(ids.Next());

    public ValueTask<SpoolMailboxes> ListMailboxesAsync(
        MailboxId? from, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static async (connection, page, stop) =>
            {
                var rows = await Sql.ListAsync(
                    connection, Mailboxes, row => (Mailbox: row.GetInt64(0), Next: row.GetInt64(1)), stop,
                    page.From?.Shard ?? 0, page.From?.Value ?? long.MinValue, (long)page.Limit + 1)
                    .ConfigureAwait(false);
                var looked = rows.Take(page.Limit);
                return new SpoolMailboxes(
                    [.. looked.Where(row => row.Next <= page.Now).Select(row => new MailboxId(row.Mailbox))],
                    rows.Length > page.Limit ? new MailboxId(rows[^1].Mailbox) : null);
            },
            (From: from, Now: now.ToUnixTimeMilliseconds(), Limit: limit),
            cancellationToken);

    public ValueTask<ImmutableArray<SpoolRow>> ListDueAsync(
        MailboxId mailbox, DateTimeOffset until, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static (connection, page, stop) => Sql.ListAsync(
                connection,
                Columns + "WHERE local AND shard = $1 AND mailbox = $2 AND next_attempt <= $3 "
                    + "ORDER BY next_attempt, id LIMIT $4",
                Read, stop, page.Mailbox.Shard, page.Mailbox.Value, page.Until, page.Limit),
            (Mailbox: mailbox, Until: Math.Min(until.ToUnixTimeMilliseconds(), SpoolText.Never - 1), Limit: limit),
            cancellationToken);

    public ValueTask<ImmutableArray<SpoolRow>> ListAsync(
        SpoolFilter filter, SpoolId after, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static (connection, page, stop) => Sql.ListAsync(
                connection,
                Columns + "WHERE id > $1 AND ($2 IS NULL OR mailbox = $2) "
                    + "AND ($3 IS NULL OR lower(recipient COLLATE \"C\") = lower($3 COLLATE \"C\")) "
                    + "AND ($4 IS NULL OR right(lower(recipient COLLATE \"C\"), length($4) + 1) "
                    + "= '@' || lower($4 COLLATE \"C\")) ORDER BY id LIMIT $5",
                Read, stop, page.After.Value, Sql.Null(page.Filter.Mailbox?.Value, NpgsqlDbType.Bigint),
                Sql.Null(page.Filter.Recipient, NpgsqlDbType.Text), Sql.Null(page.Filter.Domain, NpgsqlDbType.Text),
                page.Limit),
            (Filter: filter, After: after, Limit: limit),
            cancellationToken);

    public ValueTask<SpoolRow?> FindAsync(SpoolId id, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static (connection, row, stop) =>
                Sql.FindAsync(connection, Columns + "WHERE id = $1", Read, stop, row.Value),
            id,
            cancellationToken);

    // Nodes take ids in blocks: only a node's own are in the order of acceptance.
    public ValueTask<DateTimeOffset?> FindOldestAsync(CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static async (connection, never, stop) =>
            {
                var oldest = await Sql.ScalarAsync<long>(
                    connection, "SELECT coalesce(min(queued), -1) FROM spool WHERE next_attempt < $1", stop, never)
                    .ConfigureAwait(false);
                return oldest < 0 ? (DateTimeOffset?)null : DateTimeOffset.FromUnixTimeMilliseconds(oldest);
            },
            SpoolText.Never,
            cancellationToken);

    private static SpoolRow Read(NpgsqlDataReader row) => new(
        new SpoolId(row.GetInt64(0)),
        new MailboxId(row.GetInt64(1)),
        new BodyId(row.GetInt64(2)),
        (uint)row.GetInt64(3),
        (uint)row.GetInt64(4),
        new SpoolEnvelope(
            row.GetString(5), row.GetString(6), SpoolText.BodyKind(row.GetString(7)), row.GetBoolean(8),
            row.IsDBNull(9) ? null : row.GetString(9)),
        DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(10)),
        row.GetInt32(11),
        row.GetInt64(12) == SpoolText.Never ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(12)),
        row.IsDBNull(13) ? null : row.GetString(13),
        (MessageTraits)row.GetInt32(14));
}
