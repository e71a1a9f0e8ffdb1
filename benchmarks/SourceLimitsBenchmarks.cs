using System.Diagnostics.Metrics;
using BenchmarkDotNet.Attributes;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// What a connection and a message cost at their source's home. For one core: taskset -c 1 dotnet run -c Release
/// --project benchmarks -- --filter '*SourceLimits*' --job short --inProcess
/// </summary>
[MemoryDiagnoser]
public class SourceLimitsBenchmarks : IAsyncDisposable, IMeterFactory
{
    private const string Binding = "gateway";
    private const int Sources = 10_000;

    private static readonly SourceKey Full = new(false, 1);

    private ActorSystem _system = null!;
    private SourceLimits _limits = null!;
    private MeterListener _listener = null!;
    private ulong _next;
    private long _connection;

    [GlobalSetup]
    public void Setup()
    {
        _system = new ActorSystem(
            ThreadPoolScheduler.Instance, TimeProvider.System, new ActorSystemOptions(), NullLoggerFactory.Instance);
        _limits = new SourceLimits(
            _system, new SourceLimitOptions { HashSecret = 4711 }, new LimitsMetrics(this), NullLoggerFactory.Instance);

        // As in a node, where the exporter listens to every instrument.
        _listener = new MeterListener { InstrumentPublished = (it, self) => self.EnableMeasurementEvents(it) };
        _listener.Start();
        Verdict(_limits.AdmitAsync(Binding, Full, ++_connection, 1), Admission.Admitted);
    }

    [GlobalCleanup]
    public Task Cleanup() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _system.DisposeAsync();
        _listener.Dispose();
    }

    public Meter Create(MeterOptions options) => new(options);

    public void Dispose() => GC.SuppressFinalize(this);

    /// <summary>A connection of one of 10,000 sources comes and goes; its home is there.</summary>
    [Benchmark]
    public void AdmitAndRelease()
    {
        var source = new SourceKey(true, _next++ % Sources);
        Verdict(_limits.AdmitAsync(Binding, source, ++_connection, 20), Admission.Admitted);
        _limits.Release(Binding, source, _connection);
    }

    /// <summary>A connection of a source never seen before; at the bound, another home makes room.</summary>
    [Benchmark]
    public void AdmitAndReleaseNewSource()
    {
        var source = new SourceKey(true, 1_000_000 + _next++);
        Verdict(_limits.AdmitAsync(Binding, source, ++_connection, 20), Admission.Admitted);
        _limits.Release(Binding, source, _connection);
    }

    /// <summary>One more from a source that has its permits: answered from the cache but once a second.</summary>
    [Benchmark]
    public void Refuse() => Verdict(_limits.AdmitAsync(Binding, Full, ++_connection, 1), Admission.TooMany);

    [Benchmark]
    public void TakeMessage()
    {
        var key = RateKey.Of(new SourceKey(true, _next++ % Sources));
        Verdict(_limits.TakeMessageAsync(Binding, key, int.MaxValue), RateVerdict.Taken);
    }

    private static void Verdict<T>(ValueTask<T> answer, T expected)
    {
        if (!answer.IsCompletedSuccessfully || !EqualityComparer<T>.Default.Equals(answer.Result, expected))
        {
            throw new InvalidOperationException("Not the verdict that was to be measured.");
        }
    }
}
