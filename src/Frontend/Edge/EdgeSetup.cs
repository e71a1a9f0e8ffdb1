using MailCluster.Frontend.Options;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MailCluster.Frontend.Edge;

/// <summary>Puts the edge into a host: its parts, the socket transport's settings, the listeners, the drain.</summary>
internal static class EdgeSetup
{
    /// <param name="opened">Hears of each mail address; its port is known once the host has started.</param>
    public static void AddEdge(this WebApplicationBuilder builder, MailClusterOptions options, Action<string, ListenOptions> opened)
    {
        var services = builder.Services;
        services.AddSingleton<IdleClock>();
        services.AddSingleton<EdgeMetrics>();
        services.AddSingleton<Logins>();
        services.AddSingleton<EdgeServices>();
        services.AddSingleton<MailListener>();
        services.AddSingleton(provider => Certificates(provider, options));
        services.AddHostedService<EdgeDrain>();
        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Node.DrainTimeout + TimeSpan.FromSeconds(20));
        builder.WebHost.UseSockets(transport =>
        {
            // A session never blocks, so it may run where its octets arrive: no hop per command.
            transport.UnsafePreferInlineScheduling = true;
            transport.MaxReadBufferSize = EdgeEndpoints.PipeOctetsMax;
            transport.MaxWriteBufferSize = EdgeEndpoints.PipeOctetsMax;
            transport.Backlog = 4096;
        });
        services.AddOptions<KestrelServerOptions>().Configure<MailListener, CertificateShelf>((kestrel, listener, certificates) =>
            EdgeEndpoints.Listen(kestrel, options, listener, certificates.IsUsable, opened));
    }

    private static CertificateShelf Certificates(IServiceProvider provider, MailClusterOptions options)
    {
        var folder = Path.Combine(options.Node.DataDirectory, "tls");
        return new CertificateShelf(
            [.. options.Tls.Certificates.Select(pair => new CertificateFiles(pair.Names, pair.CertificateFile, pair.KeyFile))],
            options.Tls.SelfSignedFallback
                ? new CertificateFiles([], Path.Combine(folder, "self-signed.pem"), Path.Combine(folder, "self-signed.key"))
                : null,
            options.Node.Name,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CertificateShelf>>());
    }
}
