using System.Collections.Immutable;
using System.Net;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;

namespace MailCluster.Frontend.Edge;

/// <summary>What every listener has, whatever it speaks.</summary>
/// <param name="Places">
/// Over all addresses of the binding on this node (OXSMTP-EV-15); of POP3 over all its bindings.
/// </param>
internal sealed record BindingEdge(
    string Name,
    string Protocol,
    ImmutableArray<IPEndPoint> Endpoints,
    BindingTls Tls,
    ImmutableArray<IPNetwork> ProxyProtocolFrom,
    TimeSpan? ConnectionTimeout,
    TimeSpan InactivityTimeout,
    ConnectionPlaces Places)
{
    /// <summary>
    /// What connections and messages of a source are counted under: bindings of one scope count together.
    /// </summary>
    public string Scope { get; init; } = Name;

    /// <summary>Which sources, and how much of each.</summary>
    public SourceRules Sources { get; init; } = SourceRules.Everybody;

    /// <summary>New connections are refused while disk or memory is short (OXSMTP-EV-12).</summary>
    public bool RefusesWhenShort { get; init; }

    /// <summary>Who comes here is nobody's user: the first to be turned away when there is too much to do.</summary>
    public bool IsForStrangers { get; init; }

    public bool IsProxy(IPAddress peer)
    {
        if (ProxyProtocolFrom.IsEmpty)
        {
            return false;
        }

        var address = peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer;
        return ProxyProtocolFrom.Any(range => range.Contains(address));
    }
}

/// <param name="MaxAcknowledgementDelay">From the end of a message to its 250, once it is durable (OXSMTP-EV-18).
/// </param>
internal sealed record SmtpBinding(BindingEdge Edge, SmtpSessionOptions Session, TimeSpan MaxAcknowledgementDelay);

/// <param name="MaxConnectionsPerUser">Over all bindings and nodes; null: no limit.</param>
internal sealed record Pop3Binding(
    BindingEdge Edge,
    Pop3SessionOptions Session,
    TimeSpan PreAuthenticatedTimeout,
    TimeSpan AuthenticatedTimeout,
    int? MaxConnectionsPerUser);
