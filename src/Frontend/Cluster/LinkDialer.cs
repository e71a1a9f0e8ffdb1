using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MailCluster.Actors.Cluster.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace MailCluster.Frontend.Cluster;

/// <summary>Dials the peers with a lower id, again and again, one link at a time each.</summary>
internal sealed class LinkDialer(LinkSurroundings around, LinkCredentials? credentials) : IDisposable
{
    private readonly SocketConnectionContextFactory _connections = new(
        new SocketConnectionFactoryOptions
        {
            MaxReadBufferSize = Edge.EdgeEndpoints.PipeOctetsMax,
            MaxWriteBufferSize = Edge.EdgeEndpoints.PipeOctetsMax,
            UnsafePreferInlineScheduling = true,
        },
        around.Log);

    public void Dispose() => _connections.Dispose();

    /// <summary>Until the slot is retired; never fails.</summary>
    public async Task RunAsync(PeerSlot slot)
    {
        var attempts = 0;
        while (!slot.Retired.IsCancellationRequested)
        {
            try
            {
                if (await DialAsync(slot).ConfigureAwait(false))
                {
                    attempts = 0;
                }
            }
            catch (LinkFaultException e)
            {
                around.Metrics.DialFailed(e.Fault);
                slot.Failed(e.Fault, e.Message);
            }
            catch (OperationCanceledException) when (slot.Retired.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LinkLog.DialFault(around.Log, slot.Peer.Id.Value, e);
            }

            try
            {
                await Task.Delay(Backoff(attempts++), around.Time, slot.Retired).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>
    /// A peer that dialled has shown nothing of its own address, and the next node to join would be the first to need
    /// it. Tries it while the link is up, until it is reached.
    /// </summary>
    /// <param name="linkEnded">Cancelled then; never fails.</param>
    public async Task ProbeAsync(PeerSlot slot, CancellationToken linkEnded)
    {
        try
        {
            while (true)
            {
                using var limit = new CancellationTokenSource(around.Options.HandshakeTimeout, around.Time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, linkEnded);
                if (await ReachAsync(slot.Row.Address, either.Token).ConfigureAwait(false) is not { } problem)
                {
                    slot.AddressFailed(null);
                    return;
                }

                linkEnded.ThrowIfCancellationRequested();
                around.Metrics.AddressUnreachable();
                slot.AddressFailed(problem);
                await Task.Delay(around.Options.WarningInterval, around.Time, linkEnded).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The link is over; who comes next is tried again.
        }
    }

    /// <summary>host:port, the host a name or an address, an IPv6 address in brackets. Null: it is neither.</summary>
    public static (string Host, int Port)? Parse(string address)
    {
        var colon = address.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(
            address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            return null;
        }

        var host = address[..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            return null;
        }

        return host.Length == 0 ? null : (host, port);
    }

    /// <summary>
    /// One link from beginning to end. True: it was up. Throws <see cref="LinkFaultException"/> when none came to be.
    /// </summary>
    private async Task<bool> DialAsync(PeerSlot slot)
    {
        await slot.Turnstile.WaitAsync(slot.Retired).ConfigureAwait(false);
        try
        {
            using var limit = new CancellationTokenSource(around.Options.HandshakeTimeout, around.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, slot.Retired);
            LinkConnection? connection = null;
            ConnectionContext? transport = null;
            try
            {
                NodeLink link;
                try
                {
                    (transport, var host) = await ConnectAsync(slot.Row.Address, either.Token).ConfigureAwait(false);
                    connection = await LinkConnection.SecureAsync(transport, credentials, host, either.Token)
                        .ConfigureAwait(false);
                    link = await GreetAsync(slot, connection, either.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException e) when (!slot.Retired.IsCancellationRequested)
                {
                    throw new LinkFaultException(
                        transport is null ? LinkFault.Unreachable : LinkFault.HandshakeTimeout,
                        FormattableString.Invariant($"after {around.Options.HandshakeTimeout.TotalSeconds} s"), e);
                }
                catch (IOException e)
                {
                    throw new LinkFaultException(LinkFault.ClosedEarly, e.Message, e);
                }

                return await slot.RunAsync(link).ConfigureAwait(false);
            }
            finally
            {
                await CloseAsync(connection, transport).ConfigureAwait(false);
            }
        }
        finally
        {
            slot.Turnstile.Release();
        }
    }

    private static async Task CloseAsync(LinkConnection? connection, ConnectionContext? transport)
    {
        if (connection is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        else if (transport is not null)
        {
            await transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Null: there is somebody.</summary>
    private static async Task<string?> ReachAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            var (socket, _) = await OpenAsync(address, cancellationToken).ConfigureAwait(false);
            socket.Dispose();
            return null;
        }
        catch (LinkFaultException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException)
        {
            return $"{LinkFaults.TextOf(LinkFault.Unreachable)} (no answer in time)";
        }
    }

    private async Task<(ConnectionContext Transport, string Host)> ConnectAsync(
        string address, CancellationToken cancellationToken)
    {
        var (socket, host) = await OpenAsync(address, cancellationToken).ConfigureAwait(false);
        return (_connections.Create(socket), host);
    }

    private static async Task<(Socket Socket, string Host)> OpenAsync(
        string address, CancellationToken cancellationToken)
    {
        if (Parse(address) is not var (host, port))
        {
            throw new LinkFaultException(LinkFault.Unreachable, "it is not host:port");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(host, port), cancellationToken).ConfigureAwait(false);
            return (socket, host);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new LinkFaultException(LinkFault.Unreachable, e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<NodeLink> GreetAsync(
        PeerSlot slot, LinkConnection connection, CancellationToken cancellationToken)
    {
        await connection.SendFirstAsync(LinkFrameKind.Hello, slot.Self.ToHello(), cancellationToken)
            .ConfigureAwait(false);
        var hello = await connection.ReceiveHelloAsync(cancellationToken).ConfigureAwait(false);
        var (refusal, wireVersion) = slot.Self.Judge(hello, slot.Row);
        if (refusal != RefusalReason.Unspecified)
        {
            throw new LinkFaultException(
                LinkFaults.Of(refusal), FormattableString.Invariant(
                    $"at that address is node {hello.Node}, incarnation {hello.Incarnation}, {hello.Name}"));
        }

        return new(slot, wireVersion, hello, connection, isDialled: true, around);
    }

    /// <summary>So that the nodes that lost one peer do not come back to it all at once.</summary>
    private TimeSpan Backoff(int attempts)
    {
        var doubled = around.Options.BackoffMin * Math.Pow(2, Math.Min(attempts, 16));
        var bounded = doubled < around.Options.BackoffMax ? doubled : around.Options.BackoffMax;
        return bounded * (0.75 + (0.5 * Random.Shared.NextDouble()));
    }
}
