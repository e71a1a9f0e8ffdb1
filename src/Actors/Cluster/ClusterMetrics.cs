using System.Diagnostics.Metrics;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Of membership.</summary>
public sealed class ClusterMetrics
{
    private readonly Counter<long> _renewals;
    private readonly Histogram<double> _left;
    private readonly Counter<long> _moves;
    private readonly Counter<long> _claimsLost;
    private readonly Counter<long> _readsFailed;
    private readonly Histogram<double> _handOvers;
    private int _shards;
    private int _moving;
    private int _state = -1;

    public ClusterMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _renewals = meter.CreateCounter<long>(
            "mailcluster.cluster.lease.renewals", "{renewal}",
            "Renewals of this node's lease, by outcome (renewed, failed, lost).");
        _left = meter.CreateHistogram<double>(
            "mailcluster.cluster.lease.left", "s",
            "What was left until this node stops serving when a renewal ended; 0 and below: it had stopped.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 5],
            });
        _moves = meter.CreateCounter<long>(
            "mailcluster.cluster.shards.moves", "{shard}",
            "Shards that this node moved or lost, by kind (handed_over, claimed, assigned, lost).");
        _claimsLost = meter.CreateCounter<long>(
            "mailcluster.cluster.claims.lost", "{claim}",
            "Claims of a dead node's shards that came to nothing: it was alive, or another node was first.");
        _readsFailed = meter.CreateCounter<long>(
            "mailcluster.cluster.table.reads_failed", "{read}", "Reads of the table of nodes and shards that failed.");
        _handOvers = meter.CreateHistogram<double>(
            "mailcluster.cluster.hand_over.duration", "s",
            "From when a batch of shards is served no more to when the next home has it.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
            });
        meter.CreateObservableUpDownCounter(
            "mailcluster.cluster.shards.owned", () => Volatile.Read(ref _shards), "{shard}",
            "Shards whose home this node is.");
        meter.CreateObservableUpDownCounter(
            "mailcluster.cluster.shards.moving", () => Volatile.Read(ref _moving), "{shard}",
            "Shards without a home at this moment, as this node knows it.");
        meter.CreateObservableGauge(
            "mailcluster.cluster.node.state", () => Volatile.Read(ref _state), "{state}",
            "0 joining, 1 up, 2 draining, 3 down, -1 not joined yet.");
    }

    internal void Renewed(string outcome, TimeSpan left)
    {
        _renewals.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        _left.Record(left.TotalSeconds);
    }

    internal void Moved(string kind, int shards)
    {
        if (shards > 0)
        {
            _moves.Add(shards, new KeyValuePair<string, object?>("kind", kind));
        }
    }

    internal void HandedOver(int shards, TimeSpan duration)
    {
        Moved("handed_over", shards);
        _handOvers.Record(duration.TotalSeconds);
    }

    internal void ClaimLost() => _claimsLost.Add(1);

    internal void ReadFailed() => _readsFailed.Add(1);

    internal void Holds(int shards, int moving)
    {
        Volatile.Write(ref _shards, shards);
        Volatile.Write(ref _moving, moving);
    }

    internal void Is(NodeState state) => Volatile.Write(ref _state, (int)state);
}
