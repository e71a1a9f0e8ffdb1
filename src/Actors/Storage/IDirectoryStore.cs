using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;

namespace MailCluster.Actors.Storage;

public sealed record TenantRecord(TenantId Id, string Name);

public sealed record DomainRecord(DomainId Id, TenantId Tenant, string Name);

/// <param name="Keys">Null: nobody can log in (the postmaster mailbox of a new domain).</param>
/// <param name="CredentialVersion">
/// Rises with every change of password or state; caches of successes are bound to it.
/// </param>
public sealed record AccountRecord(
    AccountId Id, TenantId Tenant, DomainId Domain, string LocalPart, string DomainName, ScramKeys? Keys,
    bool Suspended, long CredentialVersion)
{
    public string Address => $"{LocalPart}@{DomainName}";
}

/// <param name="Targets">Full addresses; they may be aliases themselves.</param>
public sealed record AliasRecord(DomainId Domain, string LocalPart, string DomainName, ImmutableArray<string> Targets);

/// <summary>Totals of a mailbox for an administrator.</summary>
public sealed record MailboxTotals(long Messages, long Octets, DateTimeOffset? Oldest, DateTimeOffset? Newest);

public enum DirectoryChange
{
    Done,
    AlreadyExists,
    NotFound,

    /// <summary>A domain with users, an alias onto itself.</summary>
    Conflict,
}

/// <summary>
/// Tenants, domains, users, aliases. Names are kept as given and compared folded: domains by ASCII lower case of the
/// A-label or U-label as written, local parts by invariant lower case.
/// Every change is durable when its task completes, and raises <see cref="Changed"/> after that.
/// </summary>
public interface IDirectoryStore
{
    /// <summary>
    /// Something changed; caches drop what they hold of that domain (empty: all). Raised on any thread.
    /// </summary>
    event Action<string> Changed;

    ValueTask<TenantRecord?> FindTenantAsync(TenantId tenant, CancellationToken cancellationToken);

    ValueTask<DomainRecord?> FindDomainAsync(string domain, CancellationToken cancellationToken);

    ValueTask<AccountRecord?> FindAccountAsync(string localPart, string domain, CancellationToken cancellationToken);

    ValueTask<AliasRecord?> FindAliasAsync(string localPart, string domain, CancellationToken cancellationToken);

    /// <summary>
    /// Pages of at most <paramref name="limit"/> in name order; <paramref name="after"/> is the last name of the page
    /// before.
    /// </summary>
    ValueTask<ImmutableArray<DomainRecord>> ListDomainsAsync(
        string? after, int limit, CancellationToken cancellationToken);

    ValueTask<ImmutableArray<AccountRecord>> ListAccountsAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken);

    ValueTask<ImmutableArray<AliasRecord>> ListAliasesAsync(
        string domain, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Makes the tenant when it is new, the domain, and its postmaster mailbox (no login until a password is set).
    /// </summary>
    Task<DirectoryChange> AddDomainAsync(string tenant, string domain, CancellationToken cancellationToken);

    /// <summary>
    /// Refused with Conflict while it has users other than the postmaster mailbox, unless <paramref name="withUsers"/>.
    /// </summary>
    Task<DirectoryChange> RemoveDomainAsync(string domain, bool withUsers, CancellationToken cancellationToken);

    /// <summary>
    /// Adds users with their mailboxes (INBOX, UIDVALIDITY) in one commit; those that exist are left as they are.
    /// Returns how many were new.
    /// </summary>
    Task<int> AddAccountsAsync(
        string domain, ImmutableArray<(string LocalPart, ScramKeys? Keys)> accounts,
        CancellationToken cancellationToken);

    Task<DirectoryChange> SetKeysAsync(
        string localPart, string domain, ScramKeys keys, CancellationToken cancellationToken);

    Task<DirectoryChange> SetSuspendedAsync(
        string localPart, string domain, bool suspended, CancellationToken cancellationToken);

    /// <summary>
    /// Removes the user with the mailbox and its messages. The account's number is never given again.
    /// </summary>
    Task<DirectoryChange> RemoveAccountAsync(string localPart, string domain, CancellationToken cancellationToken);

    Task<DirectoryChange> AddAliasAsync(
        string localPart, string domain, ImmutableArray<string> targets, CancellationToken cancellationToken);

    Task<DirectoryChange> RemoveAliasAsync(string localPart, string domain, CancellationToken cancellationToken);

    ValueTask<MailboxTotals?> TotalsAsync(MailboxId mailbox, CancellationToken cancellationToken);
}
