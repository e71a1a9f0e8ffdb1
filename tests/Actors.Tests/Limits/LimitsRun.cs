using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Microsoft.Extensions.DependencyInjection;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>Source limits in virtual time under one seed, with all that their metrics say.</summary>
internal sealed class LimitsRun : IDisposable
{
    public const string Gateway = "gateway";
    public const string Submission = "submission";

    public static readonly SourceKey Source = Address("192.0.2.1");
    public static readonly SourceKey Other = Address("192.0.2.2");

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Dictionary<string, long> _sums = [];
    private readonly MeterListener _listener;

    public LimitsRun(SourceLimitOptions? options = null, ulong seed = 1)
    {
        Scheduler = new SeededScheduler(seed);
        Time = new FaultyTime(Scheduler.Time);
        var meters = _services.GetRequiredService<IMeterFactory>();
        var meter = meters.Create("MailCluster");
        _listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter, meter))
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Count(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Count(instrument, value, tags));
        _listener.Start();
        var system = new ActorSystem(
            Scheduler, Time, new ActorSystemOptions(), Log, meters);
        Limits = new SourceLimits(
            system, options ?? new SourceLimitOptions(), new LimitsMetrics(meters), Log);
    }

    public SeededScheduler Scheduler { get; }

    public FaultyTime Time { get; }

    public KeptLog Log { get; } = new();

    public SourceLimits Limits { get; }

    public long Homes => Gauge("mailcluster.limits.homes");

    public long Permits => Gauge("mailcluster.limits.permits");

    public long Debts => Gauge("mailcluster.limits.debts");

    /// <summary>Asks about connections, whatever the verdict.</summary>
    public long Admissions => _sums.Where(sum => sum.Key.StartsWith(
        "mailcluster.limits.asks admission", StringComparison.Ordinal)).Sum(sum => sum.Value);

    public long CachedRefusals => _sums.GetValueOrDefault("mailcluster.limits.cached_refusals");

    public long Passivations => _sums.GetValueOrDefault("mailcluster.actors.passivations");

    public long Restarts => _sums.GetValueOrDefault("mailcluster.actors.restarts");

    public static SourceKey Address(string text) => SourceKey.Of(IPAddress.Parse(text).GetAddressBytes());

    public Admission Admit(long connection, int limit, SourceKey? source = null, string binding = Gateway) =>
        Scheduler.Run(() => Limits.AdmitAsync(binding, source ?? Source, connection, limit).AsTask());

    public RateVerdict Take(RateKey key, int perMinute, string binding = Gateway) =>
        Scheduler.Run(() => Limits.TakeMessageAsync(binding, key, perMinute).AsTask());

    /// <summary>The home of the source fails in its next turn that reads the clock, which is this one.</summary>
    public RateVerdict Break(SourceKey source)
    {
        Time.Faults = 1;
        return Take(RateKey.Of(source), 1);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    private long Gauge(string name)
    {
        _sums[name] = 0;
        _listener.RecordObservableInstruments();
        return _sums[name];
    }

    private void Count(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name;
        foreach (var tag in tags)
        {
            name += $" {tag.Value}";
        }

        _sums[name] = instrument.IsObservable ? value : _sums.GetValueOrDefault(name) + value;
    }

    /// <summary>Virtual time that fails in the turns of homes when it is told to.</summary>
    public sealed class FaultyTime(VirtualTime time) : TimeProvider
    {
        public int Faults { get; set; }

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime, period);

        public override long GetTimestamp()
        {
            if (Faults > 0 && new StackTrace().ToString().Contains("SourceActor.Receive", StringComparison.Ordinal))
            {
                Faults--;
                throw new InvalidOperationException("as asked");
            }

            return time.GetTimestamp();
        }
    }
}
