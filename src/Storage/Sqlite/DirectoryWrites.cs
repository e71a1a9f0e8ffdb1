using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;

namespace MailCluster.Storage.Sqlite;

/// <summary>The directory's changes, inside a transaction of the writer.</summary>
internal static class DirectoryWrites
{
    private const string Postmaster = "postmaster";

    public static DirectoryChange AddDomain(Database database, string tenant, string domain)
    {
        var folded = Folded.Domain(domain);
        if (DirectoryRows.FindDomain(database, folded) is not null)
        {
            return DirectoryChange.AlreadyExists;
        }

        var tenantId = FindOrAddTenant(database, tenant);
        var id = NextId(database, "domain");
        var insert = database.Get("INSERT INTO domain (id, tenant, name, folded) VALUES (?, ?, ?, ?)");
        insert.Bind(1, id);
        insert.Bind(2, tenantId);
        insert.Bind(3, domain);
        insert.Bind(4, folded);
        insert.Run();
        AddAccount(database, tenantId, id, Postmaster, null);
        return DirectoryChange.Done;
    }

    public static DirectoryChange RemoveDomain(Database database, string domain, bool withUsers, long now)
    {
        var folded = Folded.Domain(domain);
        if (DirectoryRows.FindDomain(database, folded) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        var users = database.Get("SELECT 1 FROM account WHERE domain = ? AND folded <> ? LIMIT 1");
        users.Bind(1, found.Id.Value);
        users.Bind(2, Postmaster);
        var hasUsers = users.Step();
        users.Reset();
        if (hasUsers && !withUsers)
        {
            return DirectoryChange.Conflict;
        }

        var accounts = database.Get("SELECT id FROM account WHERE domain = ?");
        accounts.Bind(1, found.Id.Value);
        var ids = new List<long>();
        while (accounts.Step())
        {
            ids.Add(accounts.Long(0));
        }

        accounts.Reset();
        foreach (var id in ids)
        {
            RemoveMailbox(database, id, now);
        }

        RunFor(database, "DELETE FROM account WHERE domain = ?", found.Id.Value);
        RunFor(database, "DELETE FROM alias_target WHERE domain = ?", found.Id.Value);
        RunFor(database, "DELETE FROM alias WHERE domain = ?", found.Id.Value);
        RunFor(database, "DELETE FROM domain WHERE id = ?", found.Id.Value);
        return DirectoryChange.Done;
    }

    /// <returns>How many were new; 0 as well when there is no such domain.</returns>
    public static int AddAccounts(
        Database database, string domain, ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts)
    {
        if (DirectoryRows.FindDomain(database, Folded.Domain(domain)) is not { } found)
        {
            return 0;
        }

        var added = 0;
        foreach (var (localPart, keys) in accounts)
        {
            added += AddAccount(database, found.Tenant.Value, found.Id.Value, localPart, keys) ? 1 : 0;
        }

        return added;
    }

    public static DirectoryChange SetKeys(Database database, string localPart, string domain, ScramKeys keys)
    {
        var update = database.Get(
            "UPDATE account SET salt = ?, iterations = ?, stored_key = ?, server_key = ?, "
            + "credential_version = credential_version + 1 "
            + "WHERE folded = ? AND domain = (SELECT id FROM domain WHERE folded = ?)");
        BindKeys(update, 1, keys);
        update.Bind(5, Folded.LocalPart(localPart));
        update.Bind(6, Folded.Domain(domain));
        update.Run();
        return database.Changes == 0 ? DirectoryChange.NotFound : DirectoryChange.Done;
    }

    public static DirectoryChange SetSuspended(Database database, string localPart, string domain, bool suspended)
    {
        var update = database.Get(
            "UPDATE account SET suspended = ?, credential_version = credential_version + 1 "
            + "WHERE folded = ? AND domain = (SELECT id FROM domain WHERE folded = ?)");
        update.Bind(1, suspended ? 1 : 0);
        update.Bind(2, Folded.LocalPart(localPart));
        update.Bind(3, Folded.Domain(domain));
        update.Run();
        return database.Changes == 0 ? DirectoryChange.NotFound : DirectoryChange.Done;
    }

    public static DirectoryChange RemoveAccount(Database database, string localPart, string domain, long now)
    {
        var found = DirectoryRows.FindAccount(database, Folded.LocalPart(localPart), Folded.Domain(domain));
        if (found is null)
        {
            return DirectoryChange.NotFound;
        }

        RemoveMailbox(database, found.Id.Value, now);
        RunFor(database, "DELETE FROM account WHERE id = ?", found.Id.Value);
        return DirectoryChange.Done;
    }

    public static DirectoryChange AddAlias(
        Database database, string localPart, string domain, ImmutableArray<string> targets)
    {
        var foldedDomain = Folded.Domain(domain);
        var foldedLocalPart = Folded.LocalPart(localPart);
        if (DirectoryRows.FindDomain(database, foldedDomain) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        if (targets.Any(target => IsSame(target, foldedLocalPart, foldedDomain)))
        {
            return DirectoryChange.Conflict;
        }

        if (DirectoryRows.FindAlias(database, foldedLocalPart, foldedDomain) is not null
            || DirectoryRows.FindAccount(database, foldedLocalPart, foldedDomain) is not null)
        {
            return DirectoryChange.AlreadyExists;
        }

        var insert = database.Get("INSERT INTO alias (domain, folded, local_part) VALUES (?, ?, ?)");
        insert.Bind(1, found.Id.Value);
        insert.Bind(2, foldedLocalPart);
        insert.Bind(3, localPart);
        insert.Run();
        var insertTarget = database.Get(
            "INSERT INTO alias_target (domain, folded, position, target) VALUES (?, ?, ?, ?)");
        for (var position = 0; position < targets.Length; position++)
        {
            insertTarget.Bind(1, found.Id.Value);
            insertTarget.Bind(2, foldedLocalPart);
            insertTarget.Bind(3, position);
            insertTarget.Bind(4, targets[position]);
            insertTarget.Run();
        }

        return DirectoryChange.Done;
    }

    public static DirectoryChange RemoveAlias(Database database, string localPart, string domain)
    {
        var foldedLocalPart = Folded.LocalPart(localPart);
        if (DirectoryRows.FindAlias(database, foldedLocalPart, Folded.Domain(domain)) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        foreach (var sql in (ReadOnlySpan<string>)[
            "DELETE FROM alias_target WHERE domain = ? AND folded = ?",
                "DELETE FROM alias WHERE domain = ? AND folded = ?"])
        {
            var delete = database.Get(sql);
            delete.Bind(1, found.Domain.Value);
            delete.Bind(2, foldedLocalPart);
            delete.Run();
        }

        return DirectoryChange.Done;
    }

    private static bool IsSame(string address, string foldedLocalPart, string foldedDomain)
    {
        var at = address.LastIndexOf('@');
        return at > 0 && Folded.LocalPart(address[..at]) == foldedLocalPart
            && Folded.Domain(address[(at + 1)..]) == foldedDomain;
    }

    private static long FindOrAddTenant(Database database, string tenant)
    {
        var folded = Folded.Tenant(tenant);
        var find = database.Get("SELECT id FROM tenant WHERE folded = ?");
        find.Bind(1, folded);
        var id = find.Step() ? find.Long(0) : 0;
        find.Reset();
        if (id == 0)
        {
            id = NextId(database, "tenant");
            var insert = database.Get("INSERT INTO tenant (id, name, folded) VALUES (?, ?, ?)");
            insert.Bind(1, id);
            insert.Bind(2, tenant);
            insert.Bind(3, folded);
            insert.Run();
        }

        return id;
    }

    /// <summary>False when a user or an alias has the name already.</summary>
    private static bool AddAccount(Database database, long tenant, long domain, string localPart, ScramKeys? keys)
    {
        var folded = Folded.LocalPart(localPart);
        var taken = database.Get(
            "SELECT 1 FROM account WHERE domain = ?1 AND folded = ?2 "
            + "UNION ALL SELECT 1 FROM alias WHERE domain = ?1 AND folded = ?2 LIMIT 1");
        taken.Bind(1, domain);
        taken.Bind(2, folded);
        var isTaken = taken.Step();
        taken.Reset();
        if (isTaken)
        {
            return false;
        }

        var id = NextId(database, "account");
        var insert = database.Get(
            "INSERT INTO account (id, tenant, domain, local_part, folded, salt, iterations, stored_key, server_key) "
            + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        insert.Bind(1, id);
        insert.Bind(2, tenant);
        insert.Bind(3, domain);
        insert.Bind(4, localPart);
        insert.Bind(5, folded);
        BindKeys(insert, 6, keys);
        insert.Run();
        var mailbox = database.Get("INSERT INTO mailbox (id, tenant) VALUES (?, ?)");
        mailbox.Bind(1, id);
        mailbox.Bind(2, tenant);
        mailbox.Run();
        var inbox = database.Get("INSERT INTO folder (mailbox, id, name, uidvalidity) VALUES (?, ?, 'INBOX', 1)");
        inbox.Bind(1, id);
        inbox.Bind(2, FolderId.Inbox.Value);
        inbox.Run();
        return true;
    }

    private static void BindKeys(Statement statement, int first, ScramKeys? keys)
    {
        if (keys is null)
        {
            for (var parameter = first; parameter < first + 4; parameter++)
            {
                statement.BindNull(parameter);
            }

            return;
        }

        statement.Bind(first, keys.Salt.AsSpan());
        statement.Bind(first + 1, keys.Iterations);
        statement.Bind(first + 2, keys.StoredKey.AsSpan());
        statement.Bind(first + 3, keys.ServerKey.AsSpan());
    }

    // Bodies are left to the sweeper: others may hold the same, and a session may be sending one.
    private static void RemoveMailbox(Database database, long mailbox, long now)
    {
        var mark = database.Get(
            "INSERT OR REPLACE INTO unreferenced (body, since) SELECT DISTINCT body, ? FROM message WHERE mailbox = ?");
        mark.Bind(1, now);
        mark.Bind(2, mailbox);
        mark.Run();
        RunFor(database, "DELETE FROM message WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM message_keyword WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM keyword WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM tombstone WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM import_mark WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM foreign_unique_id WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM folder WHERE mailbox = ?", mailbox);
        RunFor(database, "DELETE FROM mailbox WHERE id = ?", mailbox);
    }

    private static void RunFor(Database database, string sql, long key)
    {
        var statement = database.Get(sql);
        statement.Bind(1, key);
        statement.Run();
    }

    private static long NextId(Database database, string kind)
    {
        var take = database.Get("UPDATE id_block SET next = next + 1 WHERE kind = ? RETURNING next - 1");
        take.Bind(1, kind);
        _ = take.Step();
        var id = take.Long(0);
        take.Reset();
        return id;
    }
}
