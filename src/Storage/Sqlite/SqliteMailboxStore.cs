using System.Collections.Immutable;
using System.Runtime.InteropServices;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

internal sealed class SqliteMailboxStore(Readers readers) : IMailboxStore
{
    public ValueTask<MailboxImage?> LoadAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        new(readers.Ask(database => Load(database, mailbox), cancellationToken));

    public ValueTask<ImportStanding> FindImportAsync(
        MailboxId mailbox, string key, string? foreignUniqueId, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database => IsThere(
                    database, "SELECT 1 FROM import_mark WHERE mailbox = ? AND source = ?", mailbox, key)
                ? ImportStanding.Imported
                : foreignUniqueId is not null && IsThere(
                    database, "SELECT 1 FROM foreign_unique_id WHERE mailbox = ? AND unique_id = ?", mailbox,
                    foreignUniqueId)
                    ? ImportStanding.UniqueIdTaken
                    : ImportStanding.New,
            cancellationToken));

    private static bool IsThere(Database database, string sql, MailboxId mailbox, string key)
    {
        var find = database.Get(sql);
        find.Bind(1, mailbox.Value);
        find.Bind(2, key);
        var there = find.Step();
        find.Reset();
        return there;
    }

    private static MailboxImage? Load(Database database, MailboxId mailbox)
    {
        // One snapshot: a commit between two of the queries would show a message without its counter.
        database.Get("BEGIN").Run();
        try
        {
            var head = database.Get("SELECT tenant, last_number, modseq, is_warned FROM mailbox WHERE id = ?");
            head.Bind(1, mailbox.Value);
            if (!head.Step())
            {
                head.Reset();
                return null;
            }

            var tenant = new TenantId(head.Long(0));
            var lastNumber = head.Long(1);
            var modSeq = head.Long(2);
            var isWarned = head.Long(3) != 0;
            head.Reset();
            var folders = Folders(database, mailbox, ref lastNumber, ref modSeq);
            var inbox = Inbox(database, mailbox, out var foreign);
            return new MailboxImage(
                mailbox, tenant, new MessageNumber(lastNumber), new ModSeq(modSeq), folders, inbox, foreign,
                TakenNumbers(database, mailbox), isWarned);
        }
        finally
        {
            database.Rollback();
        }
    }

    private static ImmutableArray<FolderImage> Folders(Database database, MailboxId mailbox, ref long lastNumber,
        ref long modSeq)
    {
        var rows = database.Get(
            "SELECT id, name, uidvalidity, uid_next, highest_modseq, last_number FROM folder WHERE mailbox = ? "
                + "ORDER BY id");
        rows.Bind(1, mailbox.Value);
        var folders = ImmutableArray.CreateBuilder<FolderImage>(1);
        while (rows.Step())
        {
            folders.Add(new FolderImage(
                new FolderId((int)rows.Long(0)),
                rows.Text(1),
                new UidValidity((uint)rows.Long(2)),
                new Uid((uint)rows.Long(3)),
                new ModSeq(rows.Long(4))));
            modSeq = Math.Max(modSeq, rows.Long(4));
            lastNumber = Math.Max(lastNumber, rows.Long(5));
        }

        rows.Reset();
        return folders.DrainToImmutable();
    }

    private static ImmutableArray<MessageNumber> TakenNumbers(Database database, MailboxId mailbox)
    {
        var rows = database.Get("SELECT number FROM foreign_unique_id WHERE mailbox = ? AND number IS NOT NULL");
        rows.Bind(1, mailbox.Value);
        ImmutableArray<MessageNumber>.Builder? numbers = null;
        while (rows.Step())
        {
            numbers ??= ImmutableArray.CreateBuilder<MessageNumber>();
            numbers.Add(new MessageNumber(rows.Long(0)));
        }

        rows.Reset();
        return numbers?.DrainToImmutable() ?? [];
    }

    private static ImmutableArray<MessageEntry> Inbox(
        Database database, MailboxId mailbox, out ForeignUniqueIds? foreign)
    {
        // Counted first: the array is made once and in its final size, whatever the mailbox holds.
        var count = database.Get("SELECT count(*) FROM message WHERE mailbox = ? AND folder = ?");
        count.Bind(1, mailbox.Value);
        count.Bind(2, FolderId.Inbox.Value);
        _ = count.Step();
        var entries = new MessageEntry[count.Long(0)];
        count.Reset();
        var rows = database.Get(
            "SELECT number, body, octets, wire_octets, traits, foreign_unique_id FROM message "
            + "WHERE mailbox = ? AND folder = ? ORDER BY number");
        rows.Bind(1, mailbox.Value);
        rows.Bind(2, FolderId.Inbox.Value);
        var foreignIds = new ForeignUniqueIds.Builder();
        for (var index = 0; rows.Step(); index++)
        {
            entries[index] = new MessageEntry(
                new MessageNumber(rows.Long(0)),
                new BodyId(rows.Long(1)),
                (uint)rows.Long(2),
                (uint)rows.Long(3),
                (MessageTraits)rows.Long(4));
            if (!rows.IsNull(5))
            {
                foreignIds.Add(entries[index].Number, rows.Text(5));
            }
        }

        rows.Reset();
        foreign = foreignIds.Build();
        return ImmutableCollectionsMarshal.AsImmutableArray(entries);
    }
}
