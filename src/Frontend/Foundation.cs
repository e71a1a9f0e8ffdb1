using System.Diagnostics.Metrics;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend;

/// <summary>What every part needs to be made: log and metrics. Made first, ends last.</summary>
internal sealed class Foundation : IDisposable
{
    private readonly ServiceProvider _services;
    private readonly LineLoggerProvider _lines;

    private Foundation(ServiceProvider services, LineLoggerProvider lines)
    {
        _services = services;
        _lines = lines;
        Loggers = services.GetRequiredService<ILoggerFactory>();
        Meters = services.GetRequiredService<IMeterFactory>();
        // Before any instrument is made, so that none is missed.
        Exporter = new PrometheusExporter(Meters);
    }

    public ILoggerFactory Loggers { get; }

    public IMeterFactory Meters { get; }

    public PrometheusExporter Exporter { get; }

    public static Foundation Make(LogOptions options, Stream output, TimeProvider time)
    {
        var lines = new LineLoggerProvider(options, output, time);
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddLogging(logging => logging
            .SetMinimumLevel(options.Level)
            // The platform's own lines about requests and connections would be one more for each of ours.
            .AddFilter("Microsoft", options.Level > LogLevel.Warning ? options.Level : LogLevel.Warning)
            .AddProvider(lines));
        return new Foundation(services.BuildServiceProvider(), lines);
    }

    public void Dispose()
    {
        Exporter.Dispose();
        _services.Dispose();
        // The container does not end what it did not make; the last lines wait here.
        _lines.Dispose();
    }
}
