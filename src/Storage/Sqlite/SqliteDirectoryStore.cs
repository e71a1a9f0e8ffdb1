using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;

namespace MailCluster.Storage.Sqlite;

internal sealed class SqliteDirectoryStore(Readers readers, CommitLane lane, TimeProvider time) : IDirectoryStore
{
    public event Action<string>? Changed;

    public ValueTask<TenantRecord?> FindTenantAsync(TenantId tenant, CancellationToken cancellationToken) =>
        Ask(database => DirectoryRows.FindTenant(database, tenant), cancellationToken);

    public ValueTask<DomainRecord?> FindDomainAsync(string domain, CancellationToken cancellationToken) =>
        Ask(database => DirectoryRows.FindDomain(database, Folded.Domain(domain)), cancellationToken);

    public ValueTask<AccountRecord?> FindAccountAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        Ask(
            database => DirectoryRows.FindAccount(database, Folded.LocalPart(localPart), Folded.Domain(domain)),
            cancellationToken);

    public ValueTask<AliasRecord?> FindAliasAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        Ask(
            database => DirectoryRows.FindAlias(database, Folded.LocalPart(localPart), Folded.Domain(domain)),
            cancellationToken);

    public ValueTask<ImmutableArray<DomainRecord>> ListDomainsAsync(
        string? after, int limit, CancellationToken cancellationToken) =>
        Ask(
            database => DirectoryRows.ListDomains(database, Folded.Domain(after ?? string.Empty), limit),
            cancellationToken);

    public ValueTask<ImmutableArray<AccountRecord>> ListAccountsAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        Ask(
            database => DirectoryRows.ListAccounts(
                database, Folded.Domain(domain), Folded.LocalPart(after ?? string.Empty), limit),
            cancellationToken);

    public ValueTask<ImmutableArray<AliasRecord>> ListAliasesAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        Ask(
            database => DirectoryRows.ListAliases(
                database, Folded.Domain(domain), Folded.LocalPart(after ?? string.Empty), limit),
            cancellationToken);

    public Task<DirectoryChange> AddDomainAsync(string tenant, string domain, CancellationToken cancellationToken) =>
        Change(domain, database => DirectoryWrites.AddDomain(database, tenant, domain), cancellationToken);

    public Task<DirectoryChange> RemoveDomainAsync(string domain, bool withUsers,
        CancellationToken cancellationToken) =>
        Change(domain, database => DirectoryWrites.RemoveDomain(database, domain, withUsers, Now()), cancellationToken);

    public async Task<int> AddAccountsAsync(
        string domain,
        ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts,
        CancellationToken cancellationToken)
    {
        var added = await WriteAsync(
            database =>
                DirectoryWrites.AddAccounts(database, domain, accounts), cancellationToken).ConfigureAwait(false);
        if (added > 0)
        {
            Changed?.Invoke(domain);
        }

        return added;
    }

    public Task<DirectoryChange> SetKeysAsync(
        string localPart, string domain, ScramKeys keys, CancellationToken cancellationToken) =>
        Change(domain, database => DirectoryWrites.SetKeys(database, localPart, domain, keys), cancellationToken);

    public Task<DirectoryChange> SetSuspendedAsync(
        string localPart, string domain, bool suspended, CancellationToken cancellationToken) =>
        Change(domain, database =>
            DirectoryWrites.SetSuspended(database, localPart, domain, suspended), cancellationToken);

    public Task<DirectoryChange> RemoveAccountAsync(string localPart, string domain,
        CancellationToken cancellationToken) =>
        Change(domain, database =>
            DirectoryWrites.RemoveAccount(database, localPart, domain, Now()), cancellationToken);

    public Task<DirectoryChange> AddAliasAsync(
        string localPart, string domain, ImmutableArray<string> targets, CancellationToken cancellationToken) =>
        Change(domain, database => DirectoryWrites.AddAlias(database, localPart, domain, targets), cancellationToken);

    public Task<DirectoryChange> RemoveAliasAsync(string localPart, string domain,
        CancellationToken cancellationToken) =>
        Change(domain, database => DirectoryWrites.RemoveAlias(database, localPart, domain), cancellationToken);

    public ValueTask<MailboxTotals?> TotalsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        Ask(database => DirectoryRows.Totals(database, mailbox.Value), cancellationToken);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();

    private ValueTask<TResult> Ask<TResult>(Func<Database, TResult> read, CancellationToken cancellationToken) =>
        new(readers.Ask(read, cancellationToken));

    private async Task<DirectoryChange> Change(
        string domain, Func<Database, DirectoryChange> write, CancellationToken cancellationToken)
    {
        var change = await WriteAsync(write, cancellationToken).ConfigureAwait(false);
        if (change == DirectoryChange.Done)
        {
            Changed?.Invoke(domain);
        }

        return change;
    }

    // Once it stands in the lane it happens; only a caller that gave up before is spared.
    private Task<TResult> WriteAsync<TResult>(Func<Database, TResult> write, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var work = new WriterWork<TResult>(write, touchesMailboxes: true);
        if (!lane.TryEnqueue(work))
        {
            work.Failed(new StoreUnavailableException("The commit lane is full."));
        }

        return work.Completion;
    }
}
