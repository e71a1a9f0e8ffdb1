using System.Diagnostics.Metrics;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>One start of one node: its limits, over the run's links.</summary>
internal sealed class LimitsNode : IDisposable
{
    private readonly TaskCompletionSource _crashed = new();
    private readonly NodeTime _time;
    private readonly QuietMeters _meters = new();
    private readonly Dictionary<string, long> _gauges = [];
    private readonly MeterListener _listener = new();

    public LimitsNode(
        SeededScheduler scheduler, SimulatedNetwork network, NodePeer self, ShardId[] shards,
        SourceLimitOptions options, Func<Envelope, Envelope?>? bug)
    {
        Self = self;
        Shards = shards;
        _time = new NodeTime(scheduler);
        Homes = new OneHome(self, shards);
        Links = network.Start(self);
        var system = new ActorSystem(
            scheduler, _time, new ActorSystemOptions(), NullLoggerFactory.Instance, _meters);
        var asks = new ShardAsks(
            system, Homes, bug is null ? Links : new AlteredLinks(Links, bug), new ShardAsksOptions(),
            new AskMetrics(_meters), NullLoggerFactory.Instance);
        _listener.InstrumentPublished = (instrument, self) =>
        {
            if (_meters.Owns(instrument.Meter))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => _gauges[instrument.Name] = value);
        _listener.Start();
        Limits = new SourceLimits(system, options, new LimitsMetrics(_meters), NullLoggerFactory.Instance, asks);
        Links.Listen(asks);
    }

    public NodePeer Self { get; }

    public ShardId[] Shards { get; }

    public OneHome Homes { get; }

    public SimulatedLinks Links { get; }

    public SourceLimits Limits { get; }

    public long Connections { get; set; }

    /// <summary>What its clients hold, as they were told.</summary>
    public HashSet<long> Held { get; } = [];

    public bool IsUp { get; private set; } = true;

    public Task Crashed => _crashed.Task;

    public long HeldHere => Gauge("mailcluster.limits.permits");

    public long Known => Gauge("mailcluster.limits.permits.known");

    public void Arrive(long epoch)
    {
        Homes.Set(HomeKind.Here, epoch, Self);
        Limits.Residents!.Arrived([.. Shards.Select(shard => new ShardEpoch(shard, epoch))]);
    }

    public void Crash()
    {
        IsUp = false;
        Held.Clear();
        _time.Crash();
        Dispose();
        _crashed.TrySetResult();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _meters.Dispose();
    }

    private long Gauge(string name)
    {
        _listener.RecordObservableInstruments();
        return _gauges[name];
    }
}
