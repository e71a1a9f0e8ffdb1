using System.Diagnostics.Metrics;

namespace MailCluster.Storage;

/// <summary>Instruments of the store, on the one meter of the product.</summary>
internal sealed class StorageMetrics : IDisposable
{
    private static readonly InstrumentAdvice<double> SecondsAdvice = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    };

    private static readonly InstrumentAdvice<int> UnitsAdvice = new()
    {
        HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    };

    private readonly Meter _meter;

    public StorageMetrics(IMeterFactory factory)
    {
        _meter = factory.Create("MailCluster");
        Commits = _meter.CreateCounter<long>(
            "mailcluster.store.commits", "{commit}", "Transactions made durable for units of work.");
        CommitUnits = _meter.CreateHistogram(
            "mailcluster.store.commit.units", "{unit}", "Units that shared one transaction.", advice: UnitsAdvice);
        CommitSeconds = _meter.CreateHistogram(
            "mailcluster.store.commit.duration", "s", "From the begin of a transaction until it was durable.",
                advice: SecondsAdvice);
        UnitsRefused = _meter.CreateCounter<long>(
            "mailcluster.store.units.refused", "{unit}", "Units refused for their own fault.");
        UnitsFailed = _meter.CreateCounter<long>(
            "mailcluster.store.units.failed", "{unit}", "Units that failed because the store could not write.");
        UnitsFenced = _meter.CreateCounter<long>(
            "mailcluster.store.units.fenced", "{unit}",
            "Units that were not written because their shard has another home by now.");
        LaneFull = _meter.CreateCounter<long>(
            "mailcluster.store.lane.full", "{unit}", "Units turned away because the lane was at its bound.");
        Checkpoints = _meter.CreateCounter<long>(
            "mailcluster.store.checkpoints", "{checkpoint}",
                "Times that the write-ahead log was copied into the database.");
        Reads = _meter.CreateCounter<long>("mailcluster.store.reads", "{read}", "Reads by the reader threads.");
        BodiesSwept = _meter.CreateCounter<long>(
            "mailcluster.store.bodies.swept", "{body}", "Bodies deleted because nothing refers to them.");
    }

    public Counter<long> Commits { get; }

    public Histogram<int> CommitUnits { get; }

    public Histogram<double> CommitSeconds { get; }

    public Counter<long> UnitsRefused { get; }

    public Counter<long> UnitsFailed { get; }

    public Counter<long> UnitsFenced { get; }

    public Counter<long> LaneFull { get; }

    public Counter<long> Checkpoints { get; }

    public Counter<long> Reads { get; }

    public Counter<long> BodiesSwept { get; }

    public void ObserveLane(Func<long> octets) => _meter.CreateObservableGauge(
        "mailcluster.store.lane.octets", octets, "By", "Octets that wait in the commit lane.");

    public void ObserveWal(Func<long> octets) => _meter.CreateObservableGauge(
        "mailcluster.store.wal.size", octets, "By", "Octets in the write-ahead log.");

    public void ObserveFreeList(Func<long> octets) => _meter.CreateObservableGauge(
        "mailcluster.store.reusable.size", octets, "By",
            "Octets inside the database that are filled again before its file grows.");

    public void Dispose() => _meter.Dispose();
}
