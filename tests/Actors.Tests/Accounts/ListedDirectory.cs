using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;

namespace MailCluster.Actors.Tests.Accounts;

/// <summary>A directory in lists, which counts its look-ups and can be away.</summary>
internal sealed class ListedDirectory : IDirectoryStore
{
    private readonly SortedDictionary<string, DomainRecord> _domains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AccountRecord> _accounts = [];
    private readonly Dictionary<string, AliasRecord> _aliases = [];

    public event Action<string>? Changed;

    public int Lookups { get; private set; }

    public bool IsAway { get; set; }

    /// <summary>Completes each look-up of an account that begins from now on; null: at once.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public ValueTask<TenantRecord?> FindTenantAsync(TenantId tenant, CancellationToken cancellationToken) =>
        ValueTask.FromResult(tenant.Value == 1 ? new TenantRecord(tenant, "lone") : null);

    public void AddDomain(string name) =>
        _domains[name] = new DomainRecord(new DomainId(_domains.Count + 1), new TenantId(1), name);

    public AccountRecord Put(
        string localPart,
        string domain,
        ScramKeys? keys = null,
        bool suspended = false,
        long version = 1,
        bool tell = true)
    {
        var key = $"{localPart}@{domain}".ToLowerInvariant();
        var id = _accounts.TryGetValue(key, out var before) ? before.Id : new AccountId(_accounts.Count + 1);
        _accounts[key] = new AccountRecord(
            id, new TenantId(1), new DomainId(1), localPart, domain, keys, suspended, version);
        if (tell)
        {
            Changed?.Invoke(domain);
        }

        return _accounts[key];
    }

    public void Remove(string address)
    {
        _accounts.Remove(address);
        Changed?.Invoke(address[(address.IndexOf('@') + 1)..]);
    }

    public void Alias(string localPart, string domain, params string[] targets)
    {
        _aliases[$"{localPart}@{domain}"] = new AliasRecord(new DomainId(1), localPart, domain, [.. targets]);
        Changed?.Invoke(domain);
    }

    public void TellChanged(string domain) => Changed?.Invoke(domain);

    public ValueTask<DomainRecord?> FindDomainAsync(string domain, CancellationToken cancellationToken)
    {
        Count();
        return ValueTask.FromResult(_domains.GetValueOrDefault(domain));
    }

    public async ValueTask<AccountRecord?> FindAccountAsync(
        string localPart, string domain, CancellationToken cancellationToken)
    {
        Count();
        var found = _accounts.GetValueOrDefault($"{localPart}@{domain}");
        if (Gate is { } gate)
        {
            await gate.Task;
        }

        return found;
    }

    public ValueTask<AliasRecord?> FindAliasAsync(
        string localPart, string domain, CancellationToken cancellationToken)
    {
        Count();
        return ValueTask.FromResult(_aliases.GetValueOrDefault($"{localPart}@{domain}"));
    }

    public ValueTask<ImmutableArray<DomainRecord>> ListDomainsAsync(
        string? after, int limit, CancellationToken cancellationToken)
    {
        Count();
        return ValueTask.FromResult<ImmutableArray<DomainRecord>>([.. _domains.Values.Take(limit)]);
    }

    public ValueTask<ImmutableArray<AccountRecord>> ListAccountsAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<ImmutableArray<AliasRecord>> ListAliasesAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> AddDomainAsync(string tenant, string domain, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> RemoveDomainAsync(
        string domain, bool withUsers, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<int> AddAccountsAsync(
        string domain,
        ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts,
        CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> SetKeysAsync(
        string localPart, string domain, ScramKeys keys, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> SetSuspendedAsync(
        string localPart, string domain, bool suspended, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> RemoveAccountAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> AddAliasAsync(
        string localPart, string domain, ImmutableArray<string> targets, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DirectoryChange> RemoveAliasAsync(
        string localPart, string domain, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<MailboxTotals?> TotalsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    private void Count()
    {
        Lookups++;
        if (IsAway)
        {
            throw new StoreUnavailableException("The directory is away.");
        }
    }
}
