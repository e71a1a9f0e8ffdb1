using System.Net;

namespace MailCluster.Frontend.Edge;

internal static class EdgeText
{
    /// <summary>An IPv4 client of a dual-stack listener is shown as what it is.</summary>
    public static string Of(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)
        .ToString();
}
