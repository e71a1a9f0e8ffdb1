using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Mailboxes;

public sealed class MailboxMetrics
{
    private static readonly KeyValuePair<string, object?> Loaded = new("result", "loaded");
    private static readonly KeyValuePair<string, object?> Missing = new("result", "missing");
    private static readonly KeyValuePair<string, object?> Failed = new("result", "failed");

    private readonly Counter<long> _added;
    private readonly Counter<long> _removed;
    private readonly Counter<long> _abandoned;
    private readonly Counter<long> _reloads;
    private readonly Counter<long> _fences;
    private readonly Histogram<double> _loads;

    public MailboxMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _added = meter.CreateCounter<long>(
            "mailcluster.mailbox.messages_added", "{message}", "Messages committed into mailboxes, one per mailbox.");
        _removed = meter.CreateCounter<long>(
            "mailcluster.mailbox.messages_removed", "{message}", "Messages removed from mailboxes, committed.");
        _abandoned = meter.CreateCounter<long>(
            "mailcluster.mailbox.writes_abandoned", "{write}", "Writes that did not commit; their ids stay a gap.");
        _reloads = meter.CreateCounter<long>(
            "mailcluster.mailbox.reloads", "{reload}", "Times a mailbox gave up its state for that of the store.");
        _fences = meter.CreateCounter<long>(
            "mailcluster.mailbox.fences", "{fence}", "Loads that waited for writes of an earlier instance to end.");
        _loads = meter.CreateHistogram<double>(
            "mailcluster.mailbox.load.duration", "s", "Loading a mailbox from the store, by result.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
            });
    }

    public void Added() => _added.Add(1);

    public void Removed(int messages) => _removed.Add(messages);

    public void Abandoned() => _abandoned.Add(1);

    public void Reloading() => _reloads.Add(1);

    public void Fenced() => _fences.Add(1);

    public void LoadEnded(TimeSpan duration, bool failed, bool missing) =>
        _loads.Record(duration.TotalSeconds, failed ? Failed : missing ? Missing : Loaded);
}
