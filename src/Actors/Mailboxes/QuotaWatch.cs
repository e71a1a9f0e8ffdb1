using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>What notices are made with; one per node.</summary>
public sealed record QuotaNotices(MailboxQuotas Quotas, IBodyStore Bodies, QuotaMetrics Metrics);

/// <summary>
/// Whether a loaded mailbox is due its notice. The mark is in the store as well, set in the unit that adds the notice
/// and taken away in the unit of the removal that makes room; so there is one notice per crossing, over crashes too.
/// </summary>
/// <param name="quota">As loaded with the mailbox; null: there is none.</param>
internal sealed class QuotaWatch(MailboxId mailbox, QuotaNotices? notices, MailboxQuota? quota, bool isMarked)
{
    /// <summary>It has had its notice, or the notice is on its way to the commit.</summary>
    public bool IsMarked { get; set; } = isMarked;

    /// <summary>For a removal: below it the mark goes; null: there is no mark.</summary>
    public long? RearmBelow => IsMarked ? quota?.Limits.WarningOctets ?? long.MaxValue : null;

    /// <summary>What an administrator changed meanwhile. RCPT looked for it just now, so it is held.</summary>
    public void Refresh() => quota = notices?.Quotas.Held(mailbox) ?? quota;

    /// <summary>Marked for limits that were less.</summary>
    public bool IsStale(long octets) => octets < RearmBelow;

    public bool IsDue(long octets) => !IsMarked && octets >= quota?.Limits.WarningOctets;

    /// <summary>For a mailbox to which it is due.</summary>
    public (BodyId Body, byte[] Octets) Write(long used, DateTimeOffset now)
    {
        var body = notices!.Bodies.NextId();
        return (body, QuotaNotice.Write(quota!.Address, body, used, quota.Limits.Storage.Value!.Value, now));
    }

    public void Noticed() => notices!.Metrics.Noticed();
}
