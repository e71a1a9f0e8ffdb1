using System.Collections.Immutable;
using System.Runtime.InteropServices;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Npgsql;

namespace MailCluster.Storage.Postgres;

internal sealed class PostgresMailboxStore(ReadPool pool) : IMailboxStore
{
    public ValueTask<MailboxImage?> LoadAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        pool.ReadAsync(LoadAsync, mailbox, cancellationToken);

    public ValueTask<ImportStanding> FindImportAsync(
        MailboxId mailbox, string key, string? foreignUniqueId, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static async (connection, import, stop) =>
            {
                await using var command = new NpgsqlCommand(
                    "SELECT CASE WHEN EXISTS (SELECT FROM import_mark WHERE mailbox = $1 AND source = $2) THEN 1 "
                    + "WHEN EXISTS (SELECT FROM foreign_unique_id WHERE mailbox = $1 AND unique_id = $3) THEN 2 "
                    + "ELSE 0 END",
                    connection)
                {
                    Parameters =
                    {
                        new NpgsqlParameter<long> { TypedValue = import.Mailbox.Value },
                        new NpgsqlParameter<string> { TypedValue = import.Key },
                        new NpgsqlParameter<string?> { TypedValue = import.Foreign },
                    },
                };
                return (int)(await command.ExecuteScalarAsync(stop).ConfigureAwait(false))! switch
                {
                    1 => ImportStanding.Imported,
                    2 => ImportStanding.UniqueIdTaken,
                    _ => ImportStanding.New,
                };
            },
            (Mailbox: mailbox, Key: key, Foreign: foreignUniqueId),
            cancellationToken);

    // One round trip and one snapshot.
    private static async ValueTask<MailboxImage?> LoadAsync(
        NpgsqlConnection connection, MailboxId mailbox, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
                Of(mailbox, "SELECT tenant, last_number, modseq, is_warned FROM mailbox WHERE id = $1"),
                Of(mailbox, "SELECT id, name, uidvalidity, uid_next, highest_modseq, last_number FROM folder "
                    + "WHERE mailbox = $1 ORDER BY id"),
                Of(mailbox, "SELECT number FROM foreign_unique_id WHERE mailbox = $1 AND number IS NOT NULL"),
                Of(mailbox, "SELECT count(*) FROM message WHERE mailbox = $1 AND folder = 1"),
                Of(mailbox, "SELECT number, body, octets, wire_octets, traits, foreign_unique_id FROM message "
                    + "WHERE mailbox = $1 AND folder = 1 ORDER BY number"),
                new("COMMIT"),
            },
        };
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var tenant = new TenantId(rows.GetInt64(0));
        var (lastNumber, modSeq) = (rows.GetInt64(1), rows.GetInt64(2));
        var isWarned = rows.GetBoolean(3);
        var folders = ImmutableArray.CreateBuilder<FolderImage>(1);
        await NextAsync(rows, cancellationToken).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            folders.Add(new FolderImage(
                new FolderId(rows.GetInt32(0)),
                rows.GetString(1),
                new UidValidity((uint)rows.GetInt64(2)),
                new Uid((uint)rows.GetInt64(3)),
                new ModSeq(rows.GetInt64(4))));
            modSeq = Math.Max(modSeq, rows.GetInt64(4));
            lastNumber = Math.Max(lastNumber, rows.GetInt64(5));
        }

        await NextAsync(rows, cancellationToken).ConfigureAwait(false);
        var taken = ImmutableArray.CreateBuilder<MessageNumber>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            taken.Add(new MessageNumber(rows.GetInt64(0)));
        }

        var (inbox, foreign) = await InboxAsync(rows, cancellationToken).ConfigureAwait(false);
        return new MailboxImage(
            mailbox, tenant, new MessageNumber(lastNumber), new ModSeq(modSeq), folders.DrainToImmutable(), inbox,
            foreign, taken.ToImmutable(), isWarned);
    }

    private static async ValueTask<(ImmutableArray<MessageEntry> Inbox, ForeignUniqueIds? Foreign)> InboxAsync(
        NpgsqlDataReader rows, CancellationToken cancellationToken)
    {
        // Counted first: the array is made once and in its final size, whatever the mailbox holds.
        await NextAsync(rows, cancellationToken).ConfigureAwait(false);
        _ = await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        var entries = new MessageEntry[rows.GetInt64(0)];
        await NextAsync(rows, cancellationToken).ConfigureAwait(false);
        var foreignIds = new ForeignUniqueIds.Builder();
        for (var index = 0; await rows.ReadAsync(cancellationToken).ConfigureAwait(false); index++)
        {
            entries[index] = new MessageEntry(
                new MessageNumber(rows.GetInt64(0)),
                new BodyId(rows.GetInt64(1)),
                (uint)rows.GetInt64(2),
                (uint)rows.GetInt64(3),
                (MessageTraits)rows.GetInt32(4));
            if (!await rows.IsDBNullAsync(5, cancellationToken).ConfigureAwait(false))
            {
                foreignIds.Add(entries[index].Number, rows.GetString(5));
            }
        }

        return (ImmutableCollectionsMarshal.AsImmutableArray(entries), foreignIds.Build());
    }

    private static Task<bool> NextAsync(NpgsqlDataReader rows, CancellationToken cancellationToken) =>
        rows.NextResultAsync(cancellationToken);

    private static NpgsqlBatchCommand Of(MailboxId mailbox, string sql) => new(sql)
    {
        Parameters = { new NpgsqlParameter<long> { TypedValue = mailbox.Value } },
    };
}
