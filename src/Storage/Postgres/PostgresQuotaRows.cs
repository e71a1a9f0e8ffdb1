using System.Collections.Immutable;
using System.Diagnostics;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Npgsql;
using NpgsqlTypes;

namespace MailCluster.Storage.Postgres;

/// <param name="PresetDays">For those that no level says anything about; null: they keep everything.</param>
internal readonly record struct RetentionQuery(MailboxId After, int? PresetDays, DateTimeOffset Now, int Limit);

/// <summary>Queries and changes of limits.</summary>
internal static class PostgresQuotaRows
{
    private const string TenantColumns = "t.storage_octets, t.warning_percent, t.retention_days";
    private const string DomainColumns = "d.storage_octets, d.warning_percent, d.retention_days";
    private const string AccountColumns = "a.storage_octets, a.warning_percent, a.retention_days";

    private const string AccountQuery =
        $"SELECT a.local_part || '@' || d.name, {TenantColumns}, {DomainColumns}, {AccountColumns}, a.id FROM account a "
        + "JOIN domain d ON d.id = a.domain JOIN tenant t ON t.id = a.tenant ";

    private const string IsAnyRetained =
        "SELECT EXISTS (SELECT FROM tenant WHERE retention_days > 0) "
        + "OR EXISTS (SELECT FROM domain WHERE retention_days > 0) "
        + "OR EXISTS (SELECT FROM account WHERE retention_days > 0)";

    public static ValueTask<LimitLevels?> FindAsync(
        NpgsqlConnection connection, LimitTarget target, CancellationToken stop)
    {
        var (sql, values) = Query(target);
        return Sql.FindAsync(connection, sql, row => Levels(row, target), stop, values);
    }

    public static async ValueTask<DirectoryChange> ChangeAsync(
        NpgsqlConnection connection, LimitTarget target, Func<MailboxLimits, MailboxLimits> change,
        CancellationToken stop)
    {
        if (await FindAsync(connection, target, stop).ConfigureAwait(false) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        const string set = " SET storage_octets = $1, warning_percent = $2, retention_days = $3 WHERE ";
        var (sql, key, limits) = target switch
        {
            LimitTarget.Tenant tenant =>
                ($"UPDATE tenant{set}folded = $4", (object)Folded.Tenant(tenant.Name), found.Tenant),
            LimitTarget.Domain domain =>
                ($"UPDATE domain{set}folded = $4", Folded.Domain(domain.Name), found.Domain),
            _ => ($"UPDATE account{set}id = $4", found.Id!.Value.Value, found.Mailbox),
        };
        limits = change(limits);
        _ = await Sql.RunAsync(
            connection, sql, stop, Sql.Null(limits.StorageOctets, NpgsqlDbType.Bigint),
            Sql.Null(limits.WarningPercent, NpgsqlDbType.Integer),
            Sql.Null(limits.RetentionDays, NpgsqlDbType.Integer), key).ConfigureAwait(false);
        return DirectoryChange.Done;
    }

    public static async ValueTask<RetentionPage> ListRetentionAsync(
        NpgsqlConnection connection, RetentionQuery query, CancellationToken stop)
    {
        if (query.PresetDays is null
            && !await Sql.ScalarAsync<bool>(connection, IsAnyRetained, stop).ConfigureAwait(false))
        {
            return new([], null);
        }

        var rows = await Sql.ListAsync(
            connection,
            "SELECT a.id, coalesce(a.retention_days, d.retention_days, t.retention_days, $1), f.oldest FROM account a "
            + "JOIN domain d ON d.id = a.domain JOIN tenant t ON t.id = a.tenant "
            + "JOIN folder f ON f.mailbox = a.id AND f.id = $2 WHERE a.id > $3 ORDER BY a.id LIMIT $4",
            row => (Mailbox: new MailboxId(row.GetInt64(0)), Days: row.GetInt32(1), Oldest: row.GetInt64(2)),
            stop, (int)(query.PresetDays ?? MailboxLimits.None), FolderId.Inbox.Value, query.After.Value, query.Limit)
            .ConfigureAwait(false);
        var candidates = ImmutableArray.CreateBuilder<RetentionCandidate>();
        foreach (var (mailbox, days, oldest) in rows)
        {
            if (days > 0 && query.Now.AddDays(-days) is var before && oldest < before.ToUnixTimeMilliseconds())
            {
                candidates.Add(new(mailbox, before));
            }
        }

        return new(candidates.ToImmutable(), rows.Length < query.Limit ? null : rows[^1].Mailbox);
    }

    public static async ValueTask<ExpiredMessages> ListExpiredAsync(
        NpgsqlConnection connection, (MailboxId Mailbox, DateTimeOffset Before, int Limit) query,
        CancellationToken stop)
    {
        // The number is read first: what arrives between the two reads is then newer than it.
        var lastNumber = await Sql.ScalarAsync<long>(
            connection, "SELECT last_number FROM folder WHERE mailbox = $1 AND id = $2", stop, query.Mailbox.Value,
            FolderId.Inbox.Value).ConfigureAwait(false);
        await using var command = Sql.Of(
            connection,
            "SELECT number, internal_date FROM message WHERE mailbox = $1 AND folder = $2 ORDER BY number",
            query.Mailbox.Value, FolderId.Inbox.Value);
        await using var rows = await command.ExecuteReaderAsync(stop).ConfigureAwait(false);
        var numbers = ImmutableArray.CreateBuilder<MessageNumber>();
        var oldest = long.MaxValue;
        var isAll = true;
        while (isAll && await rows.ReadAsync(stop).ConfigureAwait(false))
        {
            var date = rows.GetInt64(1);
            if (date >= query.Before.ToUnixTimeMilliseconds())
            {
                oldest = Math.Min(oldest, date);
            }
            else if (numbers.Count == query.Limit)
            {
                isAll = false;
            }
            else
            {
                numbers.Add(new MessageNumber(rows.GetInt64(0)));
            }
        }

        return new(
            numbers.ToImmutable(),
            isAll,
            isAll && oldest < long.MaxValue ? DateTimeOffset.FromUnixTimeMilliseconds(oldest) : null,
            new MessageNumber(lastNumber));
    }

    public static async ValueTask<int?> ShortestRetentionAsync(
        NpgsqlConnection connection, int unused, CancellationToken stop)
    {
        var days = await Sql.ScalarAsync<int>(
            connection,
            "SELECT coalesce(min(days), 0) FROM ("
            + "SELECT min(retention_days) AS days FROM tenant WHERE retention_days > 0 UNION ALL "
            + "SELECT min(retention_days) FROM domain WHERE retention_days > 0 UNION ALL "
            + "SELECT min(retention_days) FROM account WHERE retention_days > 0) levels",
            stop).ConfigureAwait(false);
        return days > 0 ? days : null;
    }

    private static (string Query, object[] Values) Query(LimitTarget target) => target switch
    {
        LimitTarget.Tenant tenant => (
            $"SELECT t.name, {TenantColumns} FROM tenant t WHERE t.folded = $1", [Folded.Tenant(tenant.Name)]),
        LimitTarget.Domain domain => (
            $"SELECT d.name, {TenantColumns}, {DomainColumns} FROM domain d "
            + "JOIN tenant t ON t.id = d.tenant WHERE d.folded = $1",
            [Folded.Domain(domain.Name)]),
        LimitTarget.Account account => (
            AccountQuery + "WHERE d.folded = $1 AND a.folded = $2",
            [Folded.Domain(account.DomainName), Folded.LocalPart(account.LocalPart)]),
        LimitTarget.Mailbox mailbox => (AccountQuery + "WHERE a.id = $1", [mailbox.Id.Value]),
        _ => throw new UnreachableException(),
    };

    private static LimitLevels Levels(NpgsqlDataReader row, LimitTarget target)
    {
        var isTenant = target is LimitTarget.Tenant;
        var isMailbox = target is LimitTarget.Account or LimitTarget.Mailbox;
        return new(
            row.GetString(0),
            Limits(row, 1),
            isTenant ? MailboxLimits.Inherited : Limits(row, 4),
            isMailbox ? Limits(row, 7) : MailboxLimits.Inherited,
            isMailbox ? new MailboxId(row.GetInt64(10)) : null);
    }

    private static MailboxLimits Limits(NpgsqlDataReader row, int first) => new(
        row.IsDBNull(first) ? null : row.GetInt64(first),
        row.IsDBNull(first + 1) ? null : row.GetInt32(first + 1),
        row.IsDBNull(first + 2) ? null : row.GetInt32(first + 2));
}
