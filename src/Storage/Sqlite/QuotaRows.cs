using System.Collections.Immutable;
using System.Diagnostics;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

/// <summary>Queries and changes of limits, on whatever connection the caller owns.</summary>
internal static class QuotaRows
{
    private const string TenantColumns = "t.storage_octets, t.warning_percent, t.retention_days";
    private const string DomainColumns = "d.storage_octets, d.warning_percent, d.retention_days";
    private const string AccountColumns = "a.storage_octets, a.warning_percent, a.retention_days";

    private const string AccountQuery =
        $"SELECT a.local_part || '@' || d.name, {TenantColumns}, {DomainColumns}, {AccountColumns}, a.id FROM account a "
        + "JOIN domain d ON d.id = a.domain JOIN tenant t ON t.id = a.tenant ";

    public static LimitLevels? Find(Database database, LimitTarget target)
    {
        var rows = Query(database, target);
        var found = rows.Step() ? Levels(rows, target) : null;
        rows.Reset();
        return found;
    }

    public static DirectoryChange Change(
        Database database, LimitTarget target, Func<MailboxLimits, MailboxLimits> change)
    {
        if (Find(database, target) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        const string set = " SET storage_octets = ?, warning_percent = ?, retention_days = ? WHERE ";
        var limits = change(target switch
        {
            LimitTarget.Tenant => found.Tenant,
            LimitTarget.Domain => found.Domain,
            _ => found.Mailbox,
        });
        var update = database.Get(target switch
        {
            LimitTarget.Tenant => $"UPDATE tenant{set}folded = ?",
            LimitTarget.Domain => $"UPDATE domain{set}folded = ?",
            _ => $"UPDATE account{set}id = ?",
        });
        update.Bind(1, limits.StorageOctets);
        update.Bind(2, limits.WarningPercent);
        update.Bind(3, limits.RetentionDays);
        switch (target)
        {
            case LimitTarget.Tenant tenant:
                update.Bind(4, Folded.Tenant(tenant.Name));
                break;
            case LimitTarget.Domain domain:
                update.Bind(4, Folded.Domain(domain.Name));
                break;
            default:
                update.Bind(4, found.Id!.Value.Value);
                break;
        }

        update.Run();
        return DirectoryChange.Done;
    }

    public static RetentionPage ListRetention(
        Database database, MailboxId after, int? presetDays, DateTimeOffset now, int limit)
    {
        if (presetDays is null && !IsAnyRetained(database))
        {
            return new([], null);
        }

        var rows = database.Get(
            "SELECT a.id, coalesce(a.retention_days, d.retention_days, t.retention_days, ?), f.oldest FROM account a "
            + "JOIN domain d ON d.id = a.domain JOIN tenant t ON t.id = a.tenant "
            + "JOIN folder f ON f.mailbox = a.id AND f.id = ? WHERE a.id > ? ORDER BY a.id LIMIT ?");
        rows.Bind(1, presetDays ?? MailboxLimits.None);
        rows.Bind(2, FolderId.Inbox.Value);
        rows.Bind(3, after.Value);
        rows.Bind(4, limit);
        var candidates = ImmutableArray.CreateBuilder<RetentionCandidate>();
        var last = after;
        var looked = 0;
        for (; rows.Step(); looked++)
        {
            last = new MailboxId(rows.Long(0));
            if (rows.Long(1) is > 0 and var days && now.AddDays(-days) is var before
                && rows.Long(2) < before.ToUnixTimeMilliseconds())
            {
                candidates.Add(new(last, before));
            }
        }

        rows.Reset();
        return new(candidates.ToImmutable(), looked < limit ? null : last);
    }

    public static ExpiredMessages ListExpired(Database database, MailboxId mailbox, DateTimeOffset before, int limit)
    {
        // The number is read first: what arrives between the two reads is then newer than it.
        var last = database.Get("SELECT last_number FROM folder WHERE mailbox = ? AND id = ?");
        last.Bind(1, mailbox.Value);
        last.Bind(2, FolderId.Inbox.Value);
        var lastNumber = last.Step() ? last.Long(0) : 0;
        last.Reset();
        var rows = database.Get(
            "SELECT number, internal_date FROM message WHERE mailbox = ? AND folder = ? ORDER BY number");
        rows.Bind(1, mailbox.Value);
        rows.Bind(2, FolderId.Inbox.Value);
        var numbers = ImmutableArray.CreateBuilder<MessageNumber>();
        var oldest = long.MaxValue;
        var isAll = true;
        while (rows.Step())
        {
            var date = rows.Long(1);
            if (date >= before.ToUnixTimeMilliseconds())
            {
                oldest = Math.Min(oldest, date);
            }
            else if (numbers.Count == limit)
            {
                isAll = false;
                break;
            }
            else
            {
                numbers.Add(new MessageNumber(rows.Long(0)));
            }
        }

        rows.Reset();
        return new(
            numbers.ToImmutable(),
            isAll,
            isAll && oldest < long.MaxValue ? DateTimeOffset.FromUnixTimeMilliseconds(oldest) : null,
            new MessageNumber(lastNumber));
    }

    public static int? ShortestRetention(Database database)
    {
        var days = database.Scalar(
            "SELECT coalesce(min(days), 0) FROM ("
            + "SELECT min(retention_days) AS days FROM tenant WHERE retention_days > 0 UNION ALL "
            + "SELECT min(retention_days) FROM domain WHERE retention_days > 0 UNION ALL "
            + "SELECT min(retention_days) FROM account WHERE retention_days > 0)");
        return days > 0 ? (int)days : null;
    }

    private static bool IsAnyRetained(Database database) => database.Scalar(
        "SELECT EXISTS (SELECT 1 FROM tenant WHERE retention_days > 0) "
        + "OR EXISTS (SELECT 1 FROM domain WHERE retention_days > 0) "
        + "OR EXISTS (SELECT 1 FROM account WHERE retention_days > 0)") != 0;

    private static Statement Query(Database database, LimitTarget target)
    {
        Statement rows;
        switch (target)
        {
            case LimitTarget.Tenant tenant:
                rows = database.Get($"SELECT t.name, {TenantColumns} FROM tenant t WHERE t.folded = ?");
                rows.Bind(1, Folded.Tenant(tenant.Name));
                return rows;
            case LimitTarget.Domain domain:
                rows = database.Get(
                    $"SELECT d.name, {TenantColumns}, {DomainColumns} FROM domain d "
                    + "JOIN tenant t ON t.id = d.tenant WHERE d.folded = ?");
                rows.Bind(1, Folded.Domain(domain.Name));
                return rows;
            case LimitTarget.Account account:
                rows = database.Get(AccountQuery + "WHERE d.folded = ? AND a.folded = ?");
                rows.Bind(1, Folded.Domain(account.DomainName));
                rows.Bind(2, Folded.LocalPart(account.LocalPart));
                return rows;
            case LimitTarget.Mailbox mailbox:
                rows = database.Get(AccountQuery + "WHERE a.id = ?");
                rows.Bind(1, mailbox.Id.Value);
                return rows;
            default:
                throw new UnreachableException();
        }
    }

    private static LimitLevels Levels(Statement row, LimitTarget target)
    {
        var isTenant = target is LimitTarget.Tenant;
        var isMailbox = target is LimitTarget.Account or LimitTarget.Mailbox;
        return new(
            row.Text(0),
            Limits(row, 1),
            isTenant ? MailboxLimits.Inherited : Limits(row, 4),
            isMailbox ? Limits(row, 7) : MailboxLimits.Inherited,
            isMailbox ? new MailboxId(row.Long(10)) : null);
    }

    private static MailboxLimits Limits(Statement row, int first) => new(
        row.IsNull(first) ? null : row.Long(first),
        row.IsNull(first + 1) ? null : (int)row.Long(first + 1),
        row.IsNull(first + 2) ? null : (int)row.Long(first + 2));
}
