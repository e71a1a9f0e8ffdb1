using System.Net;
using System.Net.Sockets;

namespace MailCluster.Integration.Support;

/// <summary>
/// A port for what has to know its number before it listens. Another program may take it in between; on an address of
/// its own hardly anyone does.
/// </summary>
internal static class FreePort
{
    public static int On(string address)
    {
        using TcpListener listener = new(IPAddress.Parse(address), 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
