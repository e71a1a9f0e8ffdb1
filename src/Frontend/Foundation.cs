using System.Diagnostics.Metrics;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend;

/// <summary>What every part needs to be made: log and metrics. Made first, ends last.</summary>
internal sealed class Foundation : IDisposable
{
    private readonly ServiceProvider _services;

    private Foundation(ServiceProvider services)
    {
        _services = services;
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
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddLogging(logging => logging
            .SetMinimumLevel(options.Level)
            // The platform's own lines about requests and connections would be one more for each of ours.
            .AddFilter("Microsoft", options.Level > LogLevel.Warning ? options.Level : LogLevel.Warning)
            .AddProvider(new LineLoggerProvider(options, output, time)));
        return new Foundation(services.BuildServiceProvider());
    }

    public void Dispose()
    {
        Exporter.Dispose();
        _services.Dispose();
    }
}
