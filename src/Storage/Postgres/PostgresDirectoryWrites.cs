using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Accounts;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>The directory's changes, inside a transaction that holds the directory's lock.</summary>
internal static class PostgresDirectoryWrites
{
    private const string Postmaster = "postmaster";

    // One after the other over all nodes: what is looked for before a change is still so when it is made.
    public const string Lock = "SELECT pg_advisory_xact_lock(1296651592, 2)";

    public static async ValueTask<DirectoryChange> AddDomainAsync(
        NpgsqlConnection connection, string tenant, string domain, CancellationToken stop)
    {
        var folded = Folded.Domain(domain);
        if (await PostgresDirectoryRows.FindDomainAsync(connection, folded, stop).ConfigureAwait(false) is not null)
        {
            return DirectoryChange.AlreadyExists;
        }

        var foldedTenant = Folded.Tenant(tenant);
        var tenantId = await Sql.ScalarAsync<long>(
            connection, "SELECT id FROM tenant WHERE folded = $1", stop, foldedTenant).ConfigureAwait(false);
        if (tenantId == 0)
        {
            tenantId = await NextIdAsync(connection, "tenant", stop).ConfigureAwait(false);
            _ = await Sql.RunAsync(
                connection, "INSERT INTO tenant (id, name, folded) VALUES ($1, $2, $3)", stop, tenantId, tenant,
                foldedTenant).ConfigureAwait(false);
        }

        var id = await NextIdAsync(connection, "domain", stop).ConfigureAwait(false);
        _ = await Sql.RunAsync(
            connection, "INSERT INTO domain (id, tenant, name, folded) VALUES ($1, $2, $3, $4)", stop, id, tenantId,
            domain, folded).ConfigureAwait(false);
        _ = await AddAccountsAsync(connection, tenantId, id, [(Postmaster, null)], stop).ConfigureAwait(false);
        return DirectoryChange.Done;
    }

    public static async ValueTask<DirectoryChange> RemoveDomainAsync(
        NpgsqlConnection connection, string domain, bool withUsers, long now, CancellationToken stop)
    {
        if (await PostgresDirectoryRows.FindDomainAsync(connection, Folded.Domain(domain), stop)
            .ConfigureAwait(false) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        var hasUsers = await Sql.ScalarAsync<bool>(
            connection, "SELECT EXISTS (SELECT FROM account WHERE domain = $1 AND folded <> $2)", stop,
            found.Id.Value, Postmaster).ConfigureAwait(false);
        if (hasUsers && !withUsers)
        {
            return DirectoryChange.Conflict;
        }

        var ids = await Sql.ListAsync(
            connection, "SELECT id FROM account WHERE domain = $1 ORDER BY id", row => row.GetInt64(0), stop,
            found.Id.Value).ConfigureAwait(false);
        await RemoveMailboxesAsync(connection, [.. ids], now, stop).ConfigureAwait(false);
        foreach (var sql in (string[])[
            "DELETE FROM account WHERE domain = $1",
            "DELETE FROM alias_target WHERE domain = $1",
            "DELETE FROM alias WHERE domain = $1",
            "DELETE FROM domain WHERE id = $1"])
        {
            _ = await Sql.RunAsync(connection, sql, stop, found.Id.Value).ConfigureAwait(false);
        }

        return DirectoryChange.Done;
    }

    /// <returns>How many were new; 0 as well when there is no such domain.</returns>
    public static async ValueTask<int> AddAccountsAsync(
        NpgsqlConnection connection, string domain, ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts,
        CancellationToken stop) =>
        await PostgresDirectoryRows.FindDomainAsync(connection, Folded.Domain(domain), stop)
            .ConfigureAwait(false) is { } found
            ? await AddAccountsAsync(connection, found.Tenant.Value, found.Id.Value, accounts, stop)
                .ConfigureAwait(false)
            : 0;

    public static async ValueTask<DirectoryChange> SetKeysAsync(
        NpgsqlConnection connection, string localPart, string domain, ScramKeys keys, CancellationToken stop) =>
        Changed(await Sql.RunAsync(
            connection,
            "UPDATE account SET salt = $1, iterations = $2, stored_key = $3, server_key = $4, "
            + "credential_version = credential_version + 1 "
            + "WHERE folded = $5 AND domain = (SELECT id FROM domain WHERE folded = $6)",
            stop, keys.Salt.ToArray(), keys.Iterations, keys.StoredKey.ToArray(), keys.ServerKey.ToArray(),
            Folded.LocalPart(localPart), Folded.Domain(domain)).ConfigureAwait(false));

    public static async ValueTask<DirectoryChange> SetSuspendedAsync(
        NpgsqlConnection connection, string localPart, string domain, bool suspended, CancellationToken stop) =>
        Changed(await Sql.RunAsync(
            connection,
            "UPDATE account SET suspended = $1, credential_version = credential_version + 1 "
            + "WHERE folded = $2 AND domain = (SELECT id FROM domain WHERE folded = $3)",
            stop, suspended, Folded.LocalPart(localPart), Folded.Domain(domain)).ConfigureAwait(false));

    public static async ValueTask<DirectoryChange> RemoveAccountAsync(
        NpgsqlConnection connection, string localPart, string domain, long now, CancellationToken stop)
    {
        var found = await PostgresDirectoryRows.FindAccountAsync(
            connection, (Folded.LocalPart(localPart), Folded.Domain(domain)), stop).ConfigureAwait(false);
        if (found is null)
        {
            return DirectoryChange.NotFound;
        }

        await RemoveMailboxesAsync(connection, [found.Id.Value], now, stop).ConfigureAwait(false);
        return Changed(await Sql.RunAsync(connection, "DELETE FROM account WHERE id = $1", stop, found.Id.Value)
            .ConfigureAwait(false));
    }

    public static async ValueTask<DirectoryChange> AddAliasAsync(
        NpgsqlConnection connection, string localPart, string domain, ImmutableArray<string> targets,
        CancellationToken stop)
    {
        var folded = (LocalPart: Folded.LocalPart(localPart), Domain: Folded.Domain(domain));
        if (await PostgresDirectoryRows.FindDomainAsync(connection, folded.Domain, stop).ConfigureAwait(false)
            is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        if (targets.Any(target => IsSame(target, folded.LocalPart, folded.Domain)))
        {
            return DirectoryChange.Conflict;
        }

        if (await PostgresDirectoryRows.FindAliasAsync(connection, folded, stop).ConfigureAwait(false) is not null
            || await PostgresDirectoryRows.FindAccountAsync(connection, folded, stop).ConfigureAwait(false) is not null)
        {
            return DirectoryChange.AlreadyExists;
        }

        _ = await Sql.RunAsync(
            connection, "INSERT INTO alias (domain, folded, local_part) VALUES ($1, $2, $3)", stop, found.Id.Value,
            folded.LocalPart, localPart).ConfigureAwait(false);
        _ = await Sql.RunAsync(
            connection,
            "INSERT INTO alias_target (domain, folded, position, target) "
            + "SELECT $1, $2, at - 1, target FROM unnest($3::text[]) WITH ORDINALITY AS t (target, at)",
            stop, found.Id.Value, folded.LocalPart, targets.ToArray()).ConfigureAwait(false);
        return DirectoryChange.Done;
    }

    public static async ValueTask<DirectoryChange> RemoveAliasAsync(
        NpgsqlConnection connection, string localPart, string domain, CancellationToken stop)
    {
        var folded = Folded.LocalPart(localPart);
        if (await PostgresDirectoryRows.FindAliasAsync(connection, (folded, Folded.Domain(domain)), stop)
            .ConfigureAwait(false) is not { } found)
        {
            return DirectoryChange.NotFound;
        }

        _ = await Sql.RunAsync(
            connection, "DELETE FROM alias_target WHERE domain = $1 AND folded = $2", stop, found.Domain.Value, folded)
            .ConfigureAwait(false);
        return Changed(await Sql.RunAsync(
            connection, "DELETE FROM alias WHERE domain = $1 AND folded = $2", stop, found.Domain.Value, folded)
            .ConfigureAwait(false));
    }

    private static DirectoryChange Changed(int rows) => rows == 0 ? DirectoryChange.NotFound : DirectoryChange.Done;

    private static bool IsSame(string address, string foldedLocalPart, string foldedDomain)
    {
        var at = address.LastIndexOf('@');
        return at > 0 && Folded.LocalPart(address[..at]) == foldedLocalPart
            && Folded.Domain(address[(at + 1)..]) == foldedDomain;
    }

    /// <summary>Names that a user or an alias has already are left out.</summary>
    private static async ValueTask<int> AddAccountsAsync(
        NpgsqlConnection connection, long tenant, long domain,
        ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts, CancellationToken stop)
    {
        var added = await Sql.ScalarAsync<long>(
            connection,
            "WITH named AS (SELECT DISTINCT ON (folded) * FROM unnest($3::text[], $4::text[], $5::bytea[], $6::int[], "
            + "$7::bytea[], $8::bytea[]) WITH ORDINALITY "
            + "AS n (local_part, folded, salt, iterations, stored_key, server_key, at) ORDER BY folded, at), "
            + "fresh AS (SELECT n.*, row_number() OVER (ORDER BY at) AS place FROM named n "
            + "WHERE NOT EXISTS (SELECT FROM account a WHERE a.domain = $2 AND a.folded = n.folded) "
            + "AND NOT EXISTS (SELECT FROM alias l WHERE l.domain = $2 AND l.folded = n.folded)), "
            + "block AS (UPDATE id_block SET next = next + (SELECT count(*) FROM fresh) WHERE kind = 'account' "
            + "RETURNING next - (SELECT count(*) FROM fresh) AS first), "
            + "added AS (INSERT INTO account (id, tenant, domain, local_part, folded, salt, iterations, stored_key, "
            + "server_key) SELECT block.first + f.place - 1, $1, $2, f.local_part, f.folded, f.salt, f.iterations, "
            + "f.stored_key, f.server_key FROM fresh f CROSS JOIN block RETURNING id), "
            + "boxes AS (INSERT INTO mailbox (id, tenant) SELECT id, $1 FROM added), "
            + "inboxes AS (INSERT INTO folder (mailbox, id, name, uidvalidity) SELECT id, 1, 'INBOX', 1 FROM added) "
            + "SELECT count(*) FROM added",
            stop,
            tenant,
            domain,
            accounts.Select(account => account.LocalPart).ToArray(),
            accounts.Select(account => Folded.LocalPart(account.LocalPart)).ToArray(),
            accounts.Select(account => account.Keys?.Salt.ToArray()).ToArray(),
            accounts.Select(account => account.Keys?.Iterations).ToArray(),
            accounts.Select(account => account.Keys?.StoredKey.ToArray()).ToArray(),
            accounts.Select(account => account.Keys?.ServerKey.ToArray()).ToArray()).ConfigureAwait(false);
        return (int)added;
    }

    // The counters first, as a commit has it last: one that is under way is waited for, and one that comes later finds
    // no row and is undone. Bodies are left to the sweeper: others may hold the same, and a session may be sending one.
    private static async ValueTask RemoveMailboxesAsync(
        NpgsqlConnection connection, long[] mailboxes, long now, CancellationToken stop)
    {
        _ = await Sql.RunAsync(
            connection, "SELECT FROM folder WHERE mailbox = ANY ($1) ORDER BY mailbox, id FOR UPDATE", stop, mailboxes)
            .ConfigureAwait(false);
        _ = await Sql.RunAsync(
            connection,
            "INSERT INTO unreferenced (body, since) SELECT DISTINCT body, $2 FROM message WHERE mailbox = ANY ($1) "
            + "ORDER BY body ON CONFLICT (body) DO UPDATE SET since = EXCLUDED.since",
            stop, mailboxes, now).ConfigureAwait(false);
        foreach (var table in (string[])[
            "message", "message_keyword", "keyword", "tombstone", "import_mark", "foreign_unique_id", "folder"])
        {
            _ = await Sql.RunAsync(connection, $"DELETE FROM {table} WHERE mailbox = ANY ($1)", stop, mailboxes)
                .ConfigureAwait(false);
        }

        _ = await Sql.RunAsync(connection, "DELETE FROM mailbox WHERE id = ANY ($1)", stop, mailboxes)
            .ConfigureAwait(false);
    }

    private static ValueTask<long> NextIdAsync(NpgsqlConnection connection, string kind, CancellationToken stop) =>
        Sql.ScalarAsync<long>(
            connection, "UPDATE id_block SET next = next + 1 WHERE kind = $1 RETURNING next - 1", stop, kind);
}
