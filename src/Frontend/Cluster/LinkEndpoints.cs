using System.Net;
using MailCluster.Frontend.Options;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MailCluster.Frontend.Cluster;

/// <summary>Turns Cluster.Endpoint into Kestrel endpoints that take links.</summary>
internal static class LinkEndpoints
{
    /// <param name="opened">Hears of each address, whose port is known after the start.</param>
    public static void Listen(
        KestrelServerOptions kestrel, IEnumerable<IPEndPoint> endpoints, NodeLinks links,
        Action<ListenOptions> opened)
    {
        foreach (var endpoint in endpoints)
        {
            kestrel.Listen(endpoint, listen =>
            {
                listen.Run(links.AcceptAsync);
                opened(listen);
            });
        }
    }

    /// <summary>The files are there: the options have been checked.</summary>
    public static LinkOptions From(ClusterOptions options) => new()
    {
        Tls = options.MutualTls
            ? new(options.CertificateFile ?? "", options.KeyFile ?? "", options.CaFile ?? "")
            : null,
    };
}
