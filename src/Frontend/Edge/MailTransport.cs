using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// Opens the addresses of mail bindings, with the transport's own connections behind an accept that can say no:
/// everything else (HTTP, links between nodes) is left to the transport.
/// </summary>
internal sealed class MailTransport(OverloadGate gate, TimeProvider time, ILogger<MailTransport> log)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is MailEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var options = new SocketTransportOptions();
        EdgeEndpoints.ConfigureTransport(options);
        Socket socket;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }

        var connections = new SocketConnectionContextFactory(
            new SocketConnectionFactoryOptions
            {
                UnsafePreferInlineScheduling = options.UnsafePreferInlineScheduling,
                MaxReadBufferSize = options.MaxReadBufferSize,
                MaxWriteBufferSize = options.MaxWriteBufferSize,
                WaitForDataBeforeAllocatingBuffer = options.WaitForDataBeforeAllocatingBuffer,
                IOQueueCount = options.IOQueueCount,
            },
            log);
        socket.Listen(options.Backlog);
        return new(new MailAccept(socket, ((MailEndPoint)endpoint).Binding, connections, gate, time, log));
    }
}
