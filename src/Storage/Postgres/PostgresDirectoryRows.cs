using System.Collections.Immutable;
using System.Runtime.InteropServices;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>The directory's queries. Names come folded where they say so.</summary>
internal static class PostgresDirectoryRows
{
    private const string AccountColumns =
        "SELECT a.id, a.tenant, a.domain, a.local_part, d.name, a.salt, a.iterations, a.stored_key, a.server_key, "
        + "a.suspended, a.credential_version FROM domain d JOIN account a ON a.domain = d.id ";

    private const string AliasColumns =
        "SELECT l.domain, l.local_part, d.name, ARRAY(SELECT t.target FROM alias_target t WHERE t.domain = l.domain "
        + "AND t.folded = l.folded ORDER BY t.position) FROM domain d JOIN alias l ON l.domain = d.id ";

    public static ValueTask<TenantRecord?> FindTenantAsync(
        NpgsqlConnection connection, TenantId tenant, CancellationToken cancellationToken) =>
        Sql.FindAsync(
            connection, "SELECT name FROM tenant WHERE id = $1", row => new TenantRecord(tenant, row.GetString(0)),
            cancellationToken, tenant.Value);

    public static ValueTask<DomainRecord?> FindDomainAsync(
        NpgsqlConnection connection, string foldedDomain, CancellationToken cancellationToken) =>
        Sql.FindAsync(
            connection, "SELECT id, tenant, name FROM domain WHERE folded = $1", Domain, cancellationToken,
            foldedDomain);

    public static ValueTask<AccountRecord?> FindAccountAsync(
        NpgsqlConnection connection, (string LocalPart, string Domain) folded, CancellationToken cancellationToken) =>
        Sql.FindAsync(
            connection, AccountColumns + "WHERE d.folded = $1 AND a.folded = $2", Account, cancellationToken,
            folded.Domain, folded.LocalPart);

    public static ValueTask<AliasRecord?> FindAliasAsync(
        NpgsqlConnection connection, (string LocalPart, string Domain) folded, CancellationToken cancellationToken) =>
        Sql.FindAsync(
            connection, AliasColumns + "WHERE d.folded = $1 AND l.folded = $2", Alias, cancellationToken,
            folded.Domain, folded.LocalPart);

    public static ValueTask<ImmutableArray<DomainRecord>> ListDomainsAsync(
        NpgsqlConnection connection, (string FoldedAfter, int Limit) page, CancellationToken cancellationToken) =>
        Sql.ListAsync(
            connection, "SELECT id, tenant, name FROM domain WHERE folded > $1 ORDER BY folded LIMIT $2", Domain,
            cancellationToken, page.FoldedAfter, page.Limit);

    public static ValueTask<ImmutableArray<AccountRecord>> ListAccountsAsync(
        NpgsqlConnection connection, (string FoldedDomain, string FoldedAfter, int Limit) page,
        CancellationToken cancellationToken) =>
        Sql.ListAsync(
            connection, AccountColumns + "WHERE d.folded = $1 AND a.folded > $2 ORDER BY a.folded LIMIT $3", Account,
            cancellationToken, page.FoldedDomain, page.FoldedAfter, page.Limit);

    public static ValueTask<ImmutableArray<AliasRecord>> ListAliasesAsync(
        NpgsqlConnection connection, (string FoldedDomain, string FoldedAfter, int Limit) page,
        CancellationToken cancellationToken) =>
        Sql.ListAsync(
            connection, AliasColumns + "WHERE d.folded = $1 AND l.folded > $2 ORDER BY l.folded LIMIT $3", Alias,
            cancellationToken, page.FoldedDomain, page.FoldedAfter, page.Limit);

    public static ValueTask<MailboxTotals?> TotalsAsync(
        NpgsqlConnection connection, MailboxId mailbox, CancellationToken cancellationToken) =>
        Sql.FindAsync(
            connection,
            "SELECT count(m.number), coalesce(sum(m.octets), 0)::bigint, min(m.internal_date), max(m.internal_date) "
            + "FROM mailbox b LEFT JOIN message m ON m.mailbox = b.id WHERE b.id = $1 GROUP BY b.id",
            row => new MailboxTotals(row.GetInt64(0), row.GetInt64(1), Date(row, 2), Date(row, 3)),
            cancellationToken, mailbox.Value);

    private static DateTimeOffset? Date(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    private static DomainRecord Domain(NpgsqlDataReader row) =>
        new(new DomainId(row.GetInt64(0)), new TenantId(row.GetInt64(1)), row.GetString(2));

    private static AccountRecord Account(NpgsqlDataReader row)
    {
        var keys = row.IsDBNull(5)
            ? null
            : new ScramKeys(Octets(row, 5), row.GetInt32(6), Octets(row, 7), Octets(row, 8));
        return new AccountRecord(
            new AccountId(row.GetInt64(0)),
            new TenantId(row.GetInt64(1)),
            new DomainId(row.GetInt64(2)),
            row.GetString(3),
            row.GetString(4),
            keys,
            row.GetBoolean(9),
            row.GetInt64(10));
    }

    private static AliasRecord Alias(NpgsqlDataReader row) =>
        new(new DomainId(row.GetInt64(0)), row.GetString(1), row.GetString(2), [.. row.GetFieldValue<string[]>(3)]);

    private static ImmutableArray<byte> Octets(NpgsqlDataReader row, int column) =>
        ImmutableCollectionsMarshal.AsImmutableArray(row.GetFieldValue<byte[]>(column));
}
