using System.Diagnostics.Metrics;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Delivery;

/// <summary>How a message ended that went to the home of its mailboxes.</summary>
internal enum ForwardVerdict
{
    Delivered,

    /// <summary>Nothing was written: it is spooled instead.</summary>
    Returned,

    /// <summary>No answer: it is spooled under the same body, of which the store takes one.</summary>
    Unknown,
}

public sealed class DeliveryMetrics
{
    private static readonly KeyValuePair<string, object?> Committed = new("verdict", "committed");
    private static readonly KeyValuePair<string, object?> Spooled = new("verdict", "spooled");
    private static readonly KeyValuePair<string, object?> Unavailable = new("verdict", "unavailable");
    private static readonly KeyValuePair<string, object?> OutOfResources = new("verdict", "out_of_resources");

    private static readonly KeyValuePair<string, object?>[] ForwardVerdicts =
    [
        new("verdict", "delivered"), new("verdict", "returned"), new("verdict", "unknown"),
    ];

    private readonly Counter<long> _messages;
    private readonly Counter<long> _forwarded;
    private readonly Counter<long> _vanished;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _imported;
    private readonly Histogram<double> _duration;

    public DeliveryMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _messages = meter.CreateCounter<long>(
            "mailcluster.delivery.messages", "{message}", "Messages whose commit was asked for, by verdict.");
        _forwarded = meter.CreateCounter<long>(
            "mailcluster.delivery.forwarded", "{message}",
            "Messages that went to another node, the home of all their mailboxes, by verdict.");
        _vanished = meter.CreateCounter<long>(
            "mailcluster.delivery.recipients_vanished", "{mailbox}",
            "Recipients that were accepted and removed before the commit; the others got the message.");
        _retries = meter.CreateCounter<long>(
            "mailcluster.delivery.retries", "{unit}", "Commit units made again because a mailbox could not take part.");
        _imported = meter.CreateCounter<long>(
            "mailcluster.delivery.imported", "{message}", "Messages imported from other servers.");
        _duration = meter.CreateHistogram<double>(
            "mailcluster.delivery.duration", "s", "From the received message to the verdict.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
            });
    }

    /// <param name="isSpooled">Of a committed message: its mailboxes had no part in the commit.</param>
    public void Ended(AcceptVerdict verdict, bool isSpooled, TimeSpan duration)
    {
        _messages.Add(1, verdict switch
        {
            AcceptVerdict.Committed => isSpooled ? Spooled : Committed,
            AcceptVerdict.OutOfResources => OutOfResources,
            _ => Unavailable,
        });
        _duration.Record(duration.TotalSeconds);
    }

    internal void Forwarded(ForwardVerdict verdict) => _forwarded.Add(1, ForwardVerdicts[(int)verdict]);

    public void Vanished(int mailboxes) => _vanished.Add(mailboxes);

    public void Retried() => _retries.Add(1);

    public void Imported() => _imported.Add(1);
}
