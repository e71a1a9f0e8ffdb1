using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Delivery;

/// <summary>How an attempt to put a spooled message into its mailbox ended.</summary>
internal enum SpoolVerdict
{
    Delivered,
    Deferred,
    Parked,
}

public sealed class SpoolMetrics
{
    private static readonly KeyValuePair<string, object?>[] Verdicts =
    [
        new("verdict", "delivered"), new("verdict", "deferred"), new("verdict", "parked"),
    ];

    private static readonly KeyValuePair<string, object?>[] Ends =
    [
        new("end", "delivered"), new("end", "delay"), new("end", "hurried"), new("end", "not_waited"),
    ];

    private readonly Meter _meter;
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _early;
    private readonly Counter<long> _told;
    private readonly Histogram<double> _waits;
    private long _oldest;

    public SpoolMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("MailCluster");
        _attempts = _meter.CreateCounter<long>(
            "mailcluster.spool.attempts", "{attempt}", "Attempts to deliver from the spool, by verdict.");
        _early = _meter.CreateCounter<long>(
            "mailcluster.spool.acknowledged_early", "{message}",
            "Messages that were acknowledged, durable, before they were in all their mailboxes.");
        _told = _meter.CreateCounter<long>(
            "mailcluster.spool.handed_over", "{row}",
            "Copies that were put into the spool for mailboxes of other nodes, which were told of them.");
        _waits = _meter.CreateHistogram<double>(
            "mailcluster.spool.acknowledgement.wait", "s",
            "From the received message to its acknowledgement, of those that were spooled, by what ended the wait.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 45, 60],
            });
    }

    /// <summary>When the oldest row that waits was queued; null: none does. As of the last sweep.</summary>
    internal DateTimeOffset? Oldest
    {
        get => Volatile.Read(ref _oldest) is var ticks and not 0 ? new(ticks, TimeSpan.Zero) : null;
        set => Volatile.Write(ref _oldest, value?.UtcTicks ?? 0);
    }

    internal void Observe(Func<long> length, Func<int> waiters, TimeProvider time)
    {
        _meter.CreateObservableGauge(
            "mailcluster.spool.length", length, "{message}",
            "Copies of messages that are not in their mailbox yet, those that were given up too.");
        _meter.CreateObservableGauge(
            "mailcluster.spool.waiters", waiters, "{session}", "Sessions that wait for a delivery from the spool.");
        _meter.CreateObservableGauge(
            "mailcluster.spool.oldest.age", () => Oldest is { } oldest ? (time.GetUtcNow() - oldest).TotalSeconds : 0,
            "s", "Age of the oldest message that waits in the spool, as of the last sweep; 0: none waits.");
    }

    internal void Told(int rows) => _told.Add(rows);

    internal void Attempted(SpoolVerdict verdict) => _attempts.Add(1, Verdicts[(int)verdict]);

    internal void Acknowledged(AcknowledgementEnd end, TimeSpan wait)
    {
        _waits.Record(wait.TotalSeconds, Ends[(int)end]);
        if (end != AcknowledgementEnd.Delivered)
        {
            _early.Add(1);
        }
    }
}
