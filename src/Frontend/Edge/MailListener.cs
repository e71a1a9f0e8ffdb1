using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Wire;
using Microsoft.AspNetCore.Connections;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// From accept to close: PROXY header, place in the binding, TLS where it comes first, the loop, one log line with the
/// end reason. The only place that catches what nobody expected.
/// </summary>
internal sealed class MailListener(
    EdgeServices services, IdleClock clock, ConnectionAdmission admission, ILogger<MailListener> log)
{
    public Task RunAsync(ConnectionContext transport, SmtpBinding binding) =>
        RunAsync(transport, binding.Edge, connection =>
    {
        var session = new SmtpSession(
            binding.Session,
            new SmtpConnection(
                EdgeText.Of(connection.Remote.Address), TlsOf(connection, binding.Session.AuthMechanisms)));
        return new SmtpDriver(connection, session, binding, services);
    });

    public Task RunAsync(ConnectionContext transport, Pop3Binding binding) =>
        RunAsync(transport, binding.Edge, connection =>
    {
        var session = new Pop3Session(
            binding.Session, isTlsActive: connection.Tls is not null,
            connection.BindingFor(binding.Session.Mechanisms));
        return new Pop3Driver(connection, session, binding, services);
    });

    private async Task RunAsync(
        ConnectionContext transport, BindingEdge edge, Func<ClientConnection, IProtocolDriver> open)
    {
        var connection = new ClientConnection(transport, clock, edge.ConnectionTimeout, edge.InactivityTimeout)
        {
            Id = admission.NextConnection(),
        };
        services.Metrics.Opened(edge.Protocol);
        var place = default(Place);
        var reason = ConnectionEndReason.ServerFault;
        IProtocolDriver? driver = null;
        try
        {
            if (edge.IsProxy(connection.Remote.Address)
                && !await ReadProxyHeaderAsync(connection).ConfigureAwait(false))
            {
                reason = connection.Expired ?? ConnectionEndReason.ProxyHeader;
                return;
            }

            // Before a handshake, so that one source cannot have more of them at work than it may have connections.
            place = await admission.EnterAsync(connection, edge).ConfigureAwait(false);
            if (edge.Tls == Options.BindingTls.Implicit && !await HandshakeAsync(connection).ConfigureAwait(false))
            {
                reason = connection.Expired ?? ConnectionEndReason.TlsFailed;
                return;
            }

            driver = open(connection);
            Tell(driver, edge, place);
            reason = await new ConnectionLoop(connection, driver, services.Time).RunAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // Reset by the client, or by us after a time-out it did not read.
            reason = connection.Expired ?? ConnectionEndReason.ClientClosed;
        }
        catch (Exception e)
        {
            EdgeLog.ConnectionFault(log, edge.Name, e);
            await SayFaultAsync(driver).ConfigureAwait(false);
        }
        finally
        {
            driver?.Abandon();
            try
            {
                await connection.CloseAsync().ConfigureAwait(false);
            }
            finally
            {
                admission.Leave(connection, edge, place);
                Account(connection, edge, driver, reason);
            }
        }
    }

    private async ValueTask<bool> HandshakeAsync(ClientConnection connection)
    {
        var isUp = await connection.HandshakeAsync(services.Certificates).ConfigureAwait(false);
        services.Metrics.Handshake(isUp);
        return isUp;
    }

    private static async ValueTask<bool> ReadProxyHeaderAsync(ClientConnection connection)
    {
        while (true)
        {
            var result = await connection.ReadAsync().ConfigureAwait(false);
            var buffer = result.Buffer;
            var status = ProxyHeader.TryParse(buffer, out var header, out var consumed);
            if (status == ProxyHeaderStatus.Complete)
            {
                connection.Received(buffer.Slice(0, consumed).Length);
                connection.Input.AdvanceTo(consumed);
                connection.Remote = header!.Source ?? connection.Remote;
                connection.Local = header.Destination ?? connection.Local;
                return true;
            }

            connection.Input.AdvanceTo(buffer.Start, buffer.End);
            if (status == ProxyHeaderStatus.Invalid || result.IsCompleted || connection.Expired is not null)
            {
                return false;
            }
        }
    }

    private void Tell(IProtocolDriver driver, BindingEdge edge, in Place place)
    {
        if (place.Refusal is not { } why)
        {
            if (place.IsOwing)
            {
                (driver as SmtpDriver)?.Owe();
            }

            return;
        }

        services.Metrics.Refused(edge.Protocol, ConnectionRefusals.NameOf(why));
        switch (driver)
        {
            case SmtpDriver smtp:
                smtp.Refuse(ConnectionRefusals.ForSmtp(why));
                break;
            case Pop3Driver pop3:
                pop3.Refuse(ConnectionRefusals.ForPop3(why));
                break;
        }
    }

    private static async ValueTask SayFaultAsync(IProtocolDriver? driver)
    {
        if (driver is null)
        {
            return;
        }

        try
        {
            driver.TimedOut(ConnectionEndReason.ServerFault);
            await driver.RunEffectsAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
        {
            // Nobody is there to hear it.
        }
    }

    private void Account(
        ClientConnection connection, BindingEdge edge, IProtocolDriver? driver, ConnectionEndReason reason)
    {
        services.Metrics.Ended(edge.Protocol, reason, connection.Age);
        services.Metrics.ProtocolErrors(
            edge.Protocol, driver?.ProtocolErrors ?? (reason == ConnectionEndReason.ProxyHeader ? 1 : 0));
        EdgeLog.ConnectionEnded(
            log, edge.Protocol, edge.Name, connection.Remote.Address, reason,
            Math.Round(connection.Age.TotalSeconds, 3),
            driver?.Commands ?? 0, driver?.Messages ?? 0, connection.OctetsIn, connection.OctetsOut,
            connection.Tls?.Protocol ?? "plain");
    }

    private static SmtpTls? TlsOf(ClientConnection connection, ImmutableArray<string> mechanisms) =>
        connection.Tls is { } tls
            ? new SmtpTls(tls.Protocol, tls.CipherSuite, connection.BindingFor(mechanisms)) : null;
}
