using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Mailboxes;

public sealed class QuotaMetrics
{
    private static readonly KeyValuePair<string, object?> Temporary = new("reply", "temporary");
    private static readonly KeyValuePair<string, object?> Permanent = new("reply", "permanent");

    private readonly Counter<long> _refused;
    private readonly Counter<long> _notices;
    private readonly Counter<long> _expired;

    public QuotaMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _refused = meter.CreateCounter<long>(
            "mailcluster.quota.recipients_refused", "{recipient}", "Recipients whose mailboxes have no room, by reply.");
        _notices = meter.CreateCounter<long>(
            "mailcluster.quota.notices", "{message}", "Notices put into mailboxes that are nearly full.");
        _expired = meter.CreateCounter<long>(
            "mailcluster.retention.messages_removed", "{message}", "Messages removed because of their age.");
    }

    public void Refused(bool isPermanent) => _refused.Add(1, isPermanent ? Permanent : Temporary);

    public void Noticed() => _notices.Add(1);

    public void Expired(int messages) => _expired.Add(messages);
}
