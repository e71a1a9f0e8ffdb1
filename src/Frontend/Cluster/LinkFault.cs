using MailCluster.Actors.Cluster.Wire;

namespace MailCluster.Frontend.Cluster;

/// <summary>Why there is no link, as metrics and logs name it.</summary>
internal enum LinkFault
{
    /// <summary>Connection refused, no route, no such host, or no answer in time.</summary>
    Unreachable,

    /// <summary>The peer closed before its Hello; under TLS that is how it refuses a certificate.</summary>
    ClosedEarly,

    HandshakeTimeout,

    /// <summary>What came is not a frame, or not the one that had to come.</summary>
    NotALink,

    TlsFailed,

    CertificateMissing,

    CertificateExpired,

    CertificateUntrusted,

    Cluster,

    UnknownNode,

    Incarnation,

    Version,

    Direction,

    NotJoined,

    /// <summary>More unknown connections at once than <see cref="LinkOptions.HandshakesMax"/>.</summary>
    Busy,
}

/// <summary>A link that does not come to be; the message is for the administrator.</summary>
internal sealed class LinkFaultException(LinkFault fault, string detail, Exception? inner = null)
    : Exception($"{LinkFaults.TextOf(fault)} ({detail})", inner)
{
    public LinkFault Fault => fault;
}

internal static class LinkFaults
{
    public static string NameOf(LinkFault fault) => fault switch
    {
        LinkFault.Unreachable => "unreachable",
        LinkFault.ClosedEarly => "closed_early",
        LinkFault.HandshakeTimeout => "handshake_timeout",
        LinkFault.NotALink => "not_a_link",
        LinkFault.TlsFailed => "tls_failed",
        LinkFault.CertificateMissing => "certificate_missing",
        LinkFault.CertificateExpired => "certificate_expired",
        LinkFault.CertificateUntrusted => "certificate_untrusted",
        LinkFault.Cluster => "cluster",
        LinkFault.UnknownNode => "unknown_node",
        LinkFault.Incarnation => "incarnation",
        LinkFault.Version => "version",
        LinkFault.Direction => "direction",
        LinkFault.NotJoined => "not_joined",
        _ => "busy",
    };

    /// <summary>Cause and remedy.</summary>
    public static string TextOf(LinkFault fault) => fault switch
    {
        LinkFault.Unreachable =>
            "its address cannot be reached: check its Node.AdvertisedAddress, Cluster.Endpoint and the firewall",
        LinkFault.ClosedEarly =>
            "it closed the connection before its Hello: see its log; Cluster.MutualTls has to be the same on all nodes",
        LinkFault.HandshakeTimeout =>
            "no Hello came in time: see its log; Cluster.MutualTls has to be the same on all nodes",
        LinkFault.NotALink =>
            "what came is not a link's: check that Node.AdvertisedAddress names the port of Cluster.Endpoint and that "
            + "Cluster.MutualTls is the same on all nodes",
        LinkFault.TlsFailed => "the TLS handshake failed: Cluster.MutualTls has to be the same on all nodes",
        LinkFault.CertificateMissing => "it showed no certificate: set its Cluster.CertificateFile and Cluster.KeyFile",
        LinkFault.CertificateExpired => "its certificate is not valid at this time: renew it, or set the clock",
        LinkFault.CertificateUntrusted =>
            "its certificate does not lead to Cluster.CaFile: have it signed by that authority",
        LinkFault.Cluster => "it belongs to another cluster: check Store.ConnectionString of both nodes",
        LinkFault.UnknownNode => "it is not in the table of nodes: too new to be known yet, or down",
        LinkFault.Incarnation => "it is in the table of nodes under another incarnation: it has been started anew",
        LinkFault.Version => "there is no wire version that both nodes speak: update through the version in between",
        LinkFault.Direction => "the node with the higher id dials: two nodes have one id",
        LinkFault.NotJoined => "it has not joined the cluster yet, or has left it",
        _ => "too many connections to Cluster.Endpoint have not said who they are: keep strangers from that port",
    };

    public static LinkFault Of(RefusalReason refusal) => refusal switch
    {
        RefusalReason.Cluster => LinkFault.Cluster,
        RefusalReason.UnknownNode => LinkFault.UnknownNode,
        RefusalReason.Incarnation => LinkFault.Incarnation,
        RefusalReason.Version => LinkFault.Version,
        RefusalReason.Direction => LinkFault.Direction,
        RefusalReason.NotJoined => LinkFault.NotJoined,
        _ => LinkFault.NotALink,
    };

    /// <summary>Mends itself while the tables of both nodes are read again: nothing to warn of at once.</summary>
    public static bool IsPassing(LinkFault fault) =>
        fault is LinkFault.UnknownNode or LinkFault.Incarnation or LinkFault.NotJoined;
}
