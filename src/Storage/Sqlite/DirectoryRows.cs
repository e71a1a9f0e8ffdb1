using System.Collections.Immutable;
using System.Runtime.InteropServices;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;

namespace MailCluster.Storage.Sqlite;

/// <summary>The directory's queries, on whatever connection the caller owns. Names come folded where they say
/// so.</summary>
internal static class DirectoryRows
{
    private const string AccountColumns =
        "SELECT a.id, a.tenant, a.domain, a.local_part, d.name, a.salt, a.iterations, a.stored_key, a.server_key, "
        + "a.suspended, a.credential_version FROM domain d JOIN account a ON a.domain = d.id ";

    public static TenantRecord? FindTenant(Database database, TenantId tenant)
    {
        var rows = database.Get("SELECT name FROM tenant WHERE id = ?");
        rows.Bind(1, tenant.Value);
        var found = rows.Step() ? new TenantRecord(tenant, rows.Text(0)) : null;
        rows.Reset();
        return found;
    }

    public static DomainRecord? FindDomain(Database database, string foldedDomain)
    {
        var rows = database.Get("SELECT id, tenant, name FROM domain WHERE folded = ?");
        rows.Bind(1, foldedDomain);
        var found = rows.Step() ? Domain(rows) : null;
        rows.Reset();
        return found;
    }

    public static AccountRecord? FindAccount(Database database, string foldedLocalPart, string foldedDomain)
    {
        var rows = database.Get(AccountColumns + "WHERE d.folded = ? AND a.folded = ?");
        rows.Bind(1, foldedDomain);
        rows.Bind(2, foldedLocalPart);
        var found = rows.Step() ? Account(rows) : null;
        rows.Reset();
        return found;
    }

    public static AliasRecord? FindAlias(Database database, string foldedLocalPart, string foldedDomain)
    {
        var rows = database.Get(
            "SELECT l.domain, l.local_part, d.name, l.folded FROM domain d JOIN alias l ON l.domain = d.id "
            + "WHERE d.folded = ? AND l.folded = ?");
        rows.Bind(1, foldedDomain);
        rows.Bind(2, foldedLocalPart);
        var found = rows.Step() ? Alias(database, rows) : null;
        rows.Reset();
        return found;
    }

    public static ImmutableArray<DomainRecord> ListDomains(Database database, string foldedAfter, int limit)
    {
        var rows = database.Get("SELECT id, tenant, name FROM domain WHERE folded > ? ORDER BY folded LIMIT ?");
        rows.Bind(1, foldedAfter);
        rows.Bind(2, limit);
        return List(rows, Domain);
    }

    public static ImmutableArray<AccountRecord> ListAccounts(
        Database database, string foldedDomain, string foldedAfter, int limit)
    {
        var rows = database.Get(AccountColumns + "WHERE d.folded = ? AND a.folded > ? ORDER BY a.folded LIMIT ?");
        rows.Bind(1, foldedDomain);
        rows.Bind(2, foldedAfter);
        rows.Bind(3, limit);
        return List(rows, Account);
    }

    public static ImmutableArray<AliasRecord> ListAliases(
        Database database, string foldedDomain, string foldedAfter, int limit)
    {
        var rows = database.Get(
            "SELECT l.domain, l.local_part, d.name, l.folded FROM domain d JOIN alias l ON l.domain = d.id "
            + "WHERE d.folded = ? AND l.folded > ? ORDER BY l.folded LIMIT ?");
        rows.Bind(1, foldedDomain);
        rows.Bind(2, foldedAfter);
        rows.Bind(3, limit);
        return List(rows, row => Alias(database, row));
    }

    /// <summary>Null when there is no such mailbox.</summary>
    public static MailboxTotals? Totals(Database database, long mailbox)
    {
        var rows = database.Get(
            "SELECT count(m.number), coalesce(sum(m.octets), 0), min(m.internal_date), max(m.internal_date) "
            + "FROM mailbox b LEFT JOIN message m ON m.mailbox = b.id WHERE b.id = ? GROUP BY b.id");
        rows.Bind(1, mailbox);
        var totals = rows.Step()
            ? new MailboxTotals(rows.Long(0), rows.Long(1), Date(rows, 2), Date(rows, 3))
            : null;
        rows.Reset();
        return totals;
    }

    private static DateTimeOffset? Date(Statement rows, int column) =>
        rows.IsNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(rows.Long(column));

    private static ImmutableArray<TRecord> List<TRecord>(Statement rows, Func<Statement, TRecord> read)
    {
        var records = ImmutableArray.CreateBuilder<TRecord>();
        while (rows.Step())
        {
            records.Add(read(rows));
        }

        rows.Reset();
        return records.DrainToImmutable();
    }

    private static DomainRecord Domain(Statement row) =>
        new(new DomainId(row.Long(0)), new TenantId(row.Long(1)), row.Text(2));

    private static AccountRecord Account(Statement row)
    {
        var keys = row.IsNull(5) ? null
            : new ScramKeys(Octets(row, 5), (int)row.Long(6), Octets(row, 7), Octets(row, 8));
        return new AccountRecord(
            new AccountId(row.Long(0)),
            new TenantId(row.Long(1)),
            new DomainId(row.Long(2)),
            row.Text(3),
            row.Text(4),
            keys,
            row.Long(9) != 0,
            row.Long(10));
    }

    private static AliasRecord Alias(Database database, Statement row)
    {
        var targets = database.Get("SELECT target FROM alias_target WHERE domain = ? AND folded = ? ORDER BY position");
        targets.Bind(1, row.Long(0));
        targets.Bind(2, row.Text(3));
        return new AliasRecord(
            new DomainId(row.Long(0)), row.Text(1), row.Text(2), List(targets, target => target.Text(0)));
    }

    private static ImmutableArray<byte> Octets(Statement row, int column) =>
        ImmutableCollectionsMarshal.AsImmutableArray(row.Blob(column).ToArray());
}
