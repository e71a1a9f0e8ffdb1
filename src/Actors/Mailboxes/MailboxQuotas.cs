using MailCluster.Actors.Accounts;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Mailboxes;

/// <summary>What holds for all tenants of a node.</summary>
public sealed record QuotaPolicy
{
    /// <summary>
    /// For mailboxes of which no level says otherwise. Default: no quota, a warning at 90 %, everything is kept.
    /// </summary>
    public MailboxLimits Preset { get; init; } =
        new(MailboxLimits.None, 90, MailboxLimits.None);

    /// <summary>
    /// Whether a full mailbox is 552 5.2.2 at once. Default false: 452 4.2.2, since room may be made while the client
    /// waits.
    /// </summary>
    public bool IsPermanent { get; init; }

    /// <summary>Mailboxes whose limits are held. Default 100,000, about 20 MB.</summary>
    public int CacheEntries { get; init; } = 100_000;

    /// <summary>Default 60 s, as other answers of the directory.</summary>
    public TimeSpan CacheLifetime { get; init; } = TimeSpan.FromSeconds(60);
}

/// <param name="Address">Of its user.</param>
public sealed record MailboxQuota(string Address, EffectiveLimits Limits);

/// <summary>
/// The limits of mailboxes, behind a bounded cache, and whether there is room in one. What a mailbox holds is asked of
/// the store each time, a counter, so that a removal makes room at once.
/// </summary>
public sealed class MailboxQuotas : IDisposable
{
    private readonly IQuotaStore _store;
    private readonly QuotaPolicy _policy;
    private readonly QuotaMetrics _metrics;
    private readonly BoundedCache<MailboxId, MailboxQuota?> _quotas;

    public MailboxQuotas(IQuotaStore store, QuotaPolicy policy, TimeProvider time, QuotaMetrics metrics)
    {
        _store = store;
        _policy = policy;
        _metrics = metrics;
        _quotas = new(policy.CacheEntries, policy.CacheLifetime, time);
        store.Changed += _quotas.Clear;
    }

    /// <summary>Null when there is no such mailbox.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async ValueTask<MailboxQuota?> FindAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        if (_quotas.TryGet(mailbox, out var held))
        {
            return held;
        }

        var version = _quotas.Version;
        var levels = await _store.FindAsync(new LimitTarget.Mailbox(mailbox), cancellationToken);
        var quota = levels is null ? null : new MailboxQuota(levels.Name, Of(levels));
        _quotas.Set(mailbox, quota, version);
        return quota;
    }

    /// <summary>With what the configuration says.</summary>
    public EffectiveLimits Of(LimitLevels levels) =>
        EffectiveLimits.Of(_policy.Preset, levels.Tenant, levels.Domain, levels.Mailbox);

    /// <summary>
    /// An address of several mailboxes is refused only when all are full: one that is full keeps no mail from the
    /// others, and gets its copy beyond the quota rather than losing it.
    /// </summary>
    /// <param name="octets">As declared; 0: it was not said.</param>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async ValueTask<RecipientVerdict> CheckAsync(
        RecipientVerdict.Local local, long octets, CancellationToken cancellationToken)
    {
        var isPermanent = true;
        foreach (var mailbox in local.Mailboxes)
        {
            if (await FindAsync(mailbox, cancellationToken) is not { Limits: { Storage.Value: not null } limits }
                || limits.HasRoom(await _store.UsedOctetsAsync(mailbox, cancellationToken), octets))
            {
                return local;
            }

            isPermanent &= _policy.IsPermanent || limits.NeverFits(octets);
        }

        _metrics.Refused(isPermanent);
        return new RecipientVerdict.OverQuota(isPermanent);
    }

    public void Dispose() => _store.Changed -= _quotas.Clear;

    /// <summary>Null: not held now.</summary>
    internal MailboxQuota? Held(MailboxId mailbox) => _quotas.TryGet(mailbox, out var held) ? held : null;
}
