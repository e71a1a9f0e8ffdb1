using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;
using Npgsql;

namespace MailCluster.Storage.Postgres;

internal sealed class PostgresDirectoryStore(ReadPool pool, ChangeFeed feed, TimeProvider time) : IDirectoryStore
{
    public event Action<string> Changed
    {
        add => feed.DirectoryChanged += value;
        remove => feed.DirectoryChanged -= value;
    }

    public ValueTask<TenantRecord?> FindTenantAsync(TenantId tenant, CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresDirectoryRows.FindTenantAsync, tenant, cancellationToken);

    public ValueTask<DomainRecord?> FindDomainAsync(string domain, CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresDirectoryRows.FindDomainAsync, Folded.Domain(domain), cancellationToken);

    public ValueTask<AccountRecord?> FindAccountAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresDirectoryRows.FindAccountAsync, (Folded.LocalPart(localPart), Folded.Domain(domain)),
            cancellationToken);

    public ValueTask<AliasRecord?> FindAliasAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresDirectoryRows.FindAliasAsync, (Folded.LocalPart(localPart), Folded.Domain(domain)),
            cancellationToken);

    public ValueTask<ImmutableArray<DomainRecord>> ListDomainsAsync(
        string? after, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresDirectoryRows.ListDomainsAsync, (Folded.Domain(after ?? string.Empty), limit), cancellationToken);

    public ValueTask<ImmutableArray<AccountRecord>> ListAccountsAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresDirectoryRows.ListAccountsAsync,
            (Folded.Domain(domain), Folded.LocalPart(after ?? string.Empty), limit), cancellationToken);

    public ValueTask<ImmutableArray<AliasRecord>> ListAliasesAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            PostgresDirectoryRows.ListAliasesAsync,
            (Folded.Domain(domain), Folded.LocalPart(after ?? string.Empty), limit), cancellationToken);

    public Task<DirectoryChange> AddDomainAsync(string tenant, string domain, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain, (connection, stop) => PostgresDirectoryWrites.AddDomainAsync(connection, tenant, domain, stop),
            cancellationToken);

    public Task<DirectoryChange> RemoveDomainAsync(
        string domain, bool withUsers, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) =>
                PostgresDirectoryWrites.RemoveDomainAsync(connection, domain, withUsers, Now(), stop),
            cancellationToken);

    public Task<int> AddAccountsAsync(
        string domain, ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts,
        CancellationToken cancellationToken) =>
        WriteAsync(
            domain,
            (connection, stop) => PostgresDirectoryWrites.AddAccountsAsync(connection, domain, accounts, stop),
            added => added > 0,
            cancellationToken);

    public Task<DirectoryChange> SetKeysAsync(
        string localPart, string domain, ScramKeys keys, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) => PostgresDirectoryWrites.SetKeysAsync(connection, localPart, domain, keys, stop),
            cancellationToken);

    public Task<DirectoryChange> SetSuspendedAsync(
        string localPart, string domain, bool suspended, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) =>
                PostgresDirectoryWrites.SetSuspendedAsync(connection, localPart, domain, suspended, stop),
            cancellationToken);

    public Task<DirectoryChange> RemoveAccountAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) =>
                PostgresDirectoryWrites.RemoveAccountAsync(connection, localPart, domain, Now(), stop),
            cancellationToken);

    public Task<DirectoryChange> AddAliasAsync(
        string localPart, string domain, ImmutableArray<string> targets, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) =>
                PostgresDirectoryWrites.AddAliasAsync(connection, localPart, domain, targets, stop),
            cancellationToken);

    public Task<DirectoryChange> RemoveAliasAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        ChangeAsync(
            domain,
            (connection, stop) => PostgresDirectoryWrites.RemoveAliasAsync(connection, localPart, domain, stop),
            cancellationToken);

    public ValueTask<MailboxTotals?> TotalsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        pool.ReadAsync(PostgresDirectoryRows.TotalsAsync, mailbox, cancellationToken);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();

    private Task<DirectoryChange> ChangeAsync(
        string domain, Func<NpgsqlConnection, CancellationToken, ValueTask<DirectoryChange>> write,
        CancellationToken cancellationToken) =>
        WriteAsync(domain, write, change => change == DirectoryChange.Done, cancellationToken);

    private async Task<TResult> WriteAsync<TResult>(
        string domain, Func<NpgsqlConnection, CancellationToken, ValueTask<TResult>> write,
        Func<TResult, bool> isChange, CancellationToken cancellationToken)
    {
        var result = await pool.WriteAsync(
            async (connection, stop) =>
            {
                _ = await Sql.RunAsync(connection, PostgresDirectoryWrites.Lock, stop).ConfigureAwait(false);
                var done = await write(connection, stop).ConfigureAwait(false);
                if (isChange(done))
                {
                    await feed.TellOfDirectoryAsync(connection, domain, stop).ConfigureAwait(false);
                }

                return done;
            },
            cancellationToken).ConfigureAwait(false);
        if (isChange(result))
        {
            feed.RaiseDirectory(domain);
        }

        return result;
    }
}
