using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Accounts;

/// <summary>
/// Where an address leads, and whose login a name is: the store's answers behind bounded caches, absent names included.
/// A change drops what is held of its domain; entries expire anyway (<see cref="AccountOptions.NameLifetime"/>).
/// </summary>
public sealed class AccountDirectory : IDisposable
{
    private static readonly RecipientVerdict Unknown = new RecipientVerdict.Unknown();
    private static readonly RecipientVerdict NotLocal = new RecipientVerdict.NotLocal();
    private static readonly RecipientVerdict Disabled = new RecipientVerdict.Disabled();
    private static readonly RecipientVerdict Unavailable = new RecipientVerdict.Unavailable();

    private readonly IDirectoryStore _store;
    private readonly AccountOptions _options;
    private readonly AccountMetrics _metrics;
    private readonly BoundedCache<AddressName, NameEntry> _names;
    private readonly BoundedCache<string, DomainRecord?> _domains;

    // One entry: the first two domains in name order.
    private readonly BoundedCache<int, ImmutableArray<DomainRecord>> _first;

    public AccountDirectory(IDirectoryStore store, AccountOptions options, TimeProvider time, AccountMetrics metrics)
    {
        _store = store;
        _options = options;
        _metrics = metrics;
        _names = new(options.NameCacheEntries, options.NameLifetime, time);
        _domains = new(options.DomainCacheEntries, options.NameLifetime, time);
        _first = new(2, options.NameLifetime, time);
        store.Changed += Drop;
    }

    /// <summary>
    /// An alias goes before a user of the same name, and an alias that names itself means that user. user+tag is user
    /// when nothing is called user+tag. A suspended user is refused (550 5.2.1), the postmaster never (RFC 5321
    /// §4.5.1).
    /// </summary>
    /// <param name="domain">Null in "RCPT TO:&lt;postmaster&gt;": the postmaster of the first domain in name
    /// order.</param>
    public async ValueTask<RecipientVerdict> ResolveAsync(
        string localPart, string? domain, CancellationToken cancellationToken)
    {
        try
        {
            if (domain is null)
            {
                return localPart.Equals(AddressName.Postmaster, StringComparison.OrdinalIgnoreCase)
                    ? await FirstPostmasterAsync(cancellationToken)
                    : Unknown;
            }

            if (await FindDomainAsync(AddressName.FoldDomain(domain), cancellationToken) is null)
            {
                return NotLocal;
            }

            return AddressName.TryFold(localPart, domain, out var name)
                ? await ResolveAsync(name, cancellationToken)
                : Unknown;
        }
        catch (StoreUnavailableException)
        {
            return Unavailable;
        }
    }

    /// <summary>
    /// A full address; a bare local part only while this node has exactly one domain, because no other name would be
    /// meant by it. Aliases and tags do not log in. A suspended user is found: the caller refuses.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async ValueTask<AccountRecord?> FindLoginAsync(string user, CancellationToken cancellationToken)
    {
        if (!user.Contains('@'))
        {
            var first = await FirstDomainsAsync(cancellationToken);
            if (first.Length != 1)
            {
                return null;
            }

            return AddressName.TryFold(user, first[0].Name, out var bare)
                ? (await FindNameAsync(bare, cancellationToken)).Account
                : null;
        }

        if (!AddressName.TryParse(user, out var name)
            || await FindDomainAsync(name.Domain, cancellationToken) is null)
        {
            return null;
        }

        return (await FindNameAsync(name, cancellationToken)).Account;
    }

    public void Dispose() => _store.Changed -= Drop;

    private async ValueTask<RecipientVerdict> ResolveAsync(AddressName name, CancellationToken cancellationToken)
    {
        var entry = await FindUntaggedAsync(name, cancellationToken);
        var verdict = entry.Alias is null
            ? entry.Verdict
            : await ExpandAsync(name, entry.Alias, cancellationToken);
        if (!name.IsPostmaster || verdict is RecipientVerdict.Local or RecipientVerdict.Unavailable)
        {
            return verdict;
        }

        return entry.Mailbox ?? await FirstPostmasterAsync(cancellationToken);
    }

    /// <summary>Breadth first; every name once, so a loop ends by itself.</summary>
    private async ValueTask<RecipientVerdict> ExpandAsync(
        AddressName origin, AliasRecord first, CancellationToken cancellationToken)
    {
        var expansion = new AliasExpansion(_options.AliasDepthMax, _options.AliasTargetsMax);
        expansion.Follow(origin, first, 0);
        while (expansion.TryNext(out var target))
        {
            if (await FindDomainAsync(target.Name.Domain, cancellationToken) is null)
            {
                _metrics.AliasTargetUnresolved();
                continue;
            }

            var entry = await FindUntaggedAsync(target.Name, cancellationToken);
            if (entry.Alias is not null && !target.IsItself)
            {
                expansion.Follow(target.Name, entry.Alias, target.Depth);
            }
            else if (!expansion.Add(entry.Account))
            {
                _metrics.AliasTargetUnresolved();
            }
        }

        if (expansion.LimitExceeded)
        {
            _metrics.AliasLimitExceeded();
            return Unavailable;
        }

        return expansion switch
        {
            { Mailboxes.Count: > 0 } => new RecipientVerdict.Local([.. expansion.Mailboxes]),
            { MetSuspended: true } => Disabled,
            _ => Unknown,
        };
    }

    /// <summary>
    /// The last resort of a postmaster without mailbox: the first domain is the operator's, who has to hear of it.
    /// </summary>
    private async ValueTask<RecipientVerdict> FirstPostmasterAsync(CancellationToken cancellationToken)
    {
        var first = await FirstDomainsAsync(cancellationToken);
        if (first.IsEmpty || !AddressName.TryFold(AddressName.Postmaster, first[0].Name, out var name))
        {
            return Unknown;
        }

        var entry = await FindNameAsync(name, cancellationToken);
        var verdict = entry.Alias is null ? Unknown : await ExpandAsync(name, entry.Alias, cancellationToken);
        return verdict is RecipientVerdict.Local ? verdict : entry.Mailbox ?? Unknown;
    }

    private async ValueTask<NameEntry> FindUntaggedAsync(AddressName name, CancellationToken cancellationToken)
    {
        var entry = await FindNameAsync(name, cancellationToken);
        return entry.IsAbsent && name.TryWithoutTag(out var untagged)
            ? await FindNameAsync(untagged, cancellationToken)
            : entry;
    }

    private async ValueTask<NameEntry> FindNameAsync(AddressName name, CancellationToken cancellationToken)
    {
        if (_names.TryGet(name, out var held))
        {
            _metrics.NameFound(cached: true);
            return held;
        }

        _metrics.NameFound(cached: false);
        var version = _names.Version;
        var alias = await _store.FindAliasAsync(name.LocalPart, name.Domain, cancellationToken);
        var account = await _store.FindAccountAsync(name.LocalPart, name.Domain, cancellationToken);
        var entry = alias is null && account is null ? NameEntry.Absent : new NameEntry(alias, account);
        _names.Set(name, entry, version);
        return entry;
    }

    private async ValueTask<DomainRecord?> FindDomainAsync(string domain, CancellationToken cancellationToken)
    {
        if (_domains.TryGet(domain, out var held))
        {
            return held;
        }

        var version = _domains.Version;
        var found = await _store.FindDomainAsync(domain, cancellationToken);
        _domains.Set(domain, found, version);
        return found;
    }

    private async ValueTask<ImmutableArray<DomainRecord>> FirstDomainsAsync(CancellationToken cancellationToken)
    {
        if (_first.TryGet(0, out var held))
        {
            return held;
        }

        var version = _first.Version;
        var found = await _store.ListDomainsAsync(null, 2, cancellationToken);
        _first.Set(0, found, version);
        return found;
    }

    private void Drop(string domain)
    {
        _first.Clear();
        if (domain.Length == 0)
        {
            _domains.Clear();
            _names.Clear();
            return;
        }

        var folded = AddressName.FoldDomain(domain);
        _domains.Remove(folded);
        _names.RemoveWhere(name => name.Domain == folded);
    }

    private sealed record NameEntry(AliasRecord? Alias, AccountRecord? Account)
    {
        public static readonly NameEntry Absent = new(null, null);

        public bool IsAbsent => Alias is null && Account is null;

        /// <summary>
        /// The account's mailbox, suspended or not. Made once, so that a known recipient costs no allocation.
        /// </summary>
        public RecipientVerdict? Mailbox { get; } =
            Account is null ? null : new RecipientVerdict.Local([Account.Id.Mailbox]);

        public RecipientVerdict Verdict => Account switch
        {
            null => Unknown,
            { Suspended: true } => Disabled,
            _ => Mailbox!,
        };
    }
}
