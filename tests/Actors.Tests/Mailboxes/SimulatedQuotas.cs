using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Testing.Cluster;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>The limits of all mailboxes are the tenant's; what they hold is read from the simulated store.</summary>
internal sealed class SimulatedQuotas(SimulatedMailDatabase store) : IQuotaStore
{
    private MailboxLimits _limits = MailboxLimits.Inherited;

    public event Action? Changed;

    public MailboxLimits Limits
    {
        get => _limits;
        set
        {
            _limits = value;
            Changed?.Invoke();
        }
    }

    public Dictionary<MailboxId, MailboxLimits> Own { get; } = [];

    public ValueTask<LimitLevels?> FindAsync(LimitTarget target, CancellationToken cancellationToken)
    {
        var mailbox = ((LimitTarget.Mailbox)target).Id;
        return ValueTask.FromResult<LimitLevels?>(new(
            "user@example.test", Limits, MailboxLimits.Inherited,
            Own.GetValueOrDefault(mailbox, MailboxLimits.Inherited), mailbox));
    }

    public Task<DirectoryChange> ChangeAsync(
        LimitTarget target, Func<MailboxLimits, MailboxLimits> change, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<long> UsedOctetsAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        ValueTask.FromResult(store.Rows(mailbox).Sum(row => (long)row.Octets));

    public ValueTask<RetentionPage> ListRetentionAsync(
        MailboxId after, int? presetDays, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        var before = now.AddDays(-(Limits.RetentionDays ?? presetDays ?? 36_500));
        ImmutableArray<RetentionCandidate> candidates =
        [
            .. MailboxRun.All.Where(mailbox => mailbox.Value > after.Value).Take(limit)
                .Where(mailbox => store.Rows(mailbox).Any(row => row.Date < before))
                .Select(mailbox => new RetentionCandidate(mailbox, before)),
        ];
        var last = MailboxRun.All.Where(mailbox => mailbox.Value > after.Value).Skip(limit - 1).Take(1).ToArray();
        return ValueTask.FromResult(new RetentionPage(candidates, last is [var next] ? next : null));
    }

    public ValueTask<int?> ShortestRetentionAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            Own.Values.Append(Limits).Where(limits => limits.RetentionDays > 0).Min(limits => limits.RetentionDays));

    public ValueTask<ExpiredMessages> ListExpiredAsync(
        MailboxId mailbox, DateTimeOffset before, int limit, CancellationToken cancellationToken)
    {
        var expired = store.Rows(mailbox).Where(row => row.Date < before).ToList();
        return ValueTask.FromResult(new ExpiredMessages(
            [.. expired.Take(limit).Select(row => new MessageNumber(row.Number))],
            expired.Count <= limit, null, new MessageNumber(0)));
    }
}
