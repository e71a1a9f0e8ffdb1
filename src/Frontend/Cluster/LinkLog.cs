using System.Net;

namespace MailCluster.Frontend.Cluster;

internal static partial class LinkLog
{
    [LoggerMessage(3100, LogLevel.Information,
        "Link to node {Node} ({Name}, incarnation {Incarnation}) is up in wire version {WireVersion}; it runs {ProgramVersion}")]
    public static partial void Up(
        ILogger log, int node, string name, long incarnation, int wireVersion, string programVersion);

    [LoggerMessage(EventId = 3101, Message =
        "Link to node {Node} (incarnation {Incarnation}) ended: {Reason}")]
    public static partial void Down(
        ILogger log, LogLevel level, int node, long incarnation, LinkEnd reason);

    [LoggerMessage(EventId = 3102, Message =
        "Node {Node} ({Name}) at {Address} cannot be linked: {Problem}")]
    public static partial void DialFailed(
        ILogger log, LogLevel level, int node, string name, string address, string problem);

    [LoggerMessage(EventId = 3103, Message =
        "A connection from {Source} to the port of links was refused: {Problem}")]
    public static partial void HandshakeRefused(ILogger log, LogLevel level, EndPoint? source, string problem);

    [LoggerMessage(3104, LogLevel.Error, "A frame from node {Node} met a fault of ours; the link is closed")]
    public static partial void ListenerFault(ILogger log, int node, Exception fault);

    [LoggerMessage(3105, LogLevel.Warning,
        "Node {Node} ({Name}) has not linked for {Seconds} s, and it is the one that dials: see its log; can it reach this node's Node.AdvertisedAddress?")]
    public static partial void NotDialled(ILogger log, int node, string name, long seconds);

    [LoggerMessage(3106, LogLevel.Information, "Certificate {File} of the links was read anew")]
    public static partial void CertificateReloaded(ILogger log, string file);

    [LoggerMessage(3107, LogLevel.Error, "{Problem} The certificate in use for links stays in use")]
    public static partial void CertificateBroken(ILogger log, string problem);

    [LoggerMessage(3108, LogLevel.Error, "A connection to the port of links met a fault of ours")]
    public static partial void HandshakeFault(ILogger log, Exception fault);

    [LoggerMessage(3109, LogLevel.Error, "Dialling node {Node} met a fault of ours; it is dialled again")]
    public static partial void DialFault(ILogger log, int node, Exception fault);

    [LoggerMessage(3110, LogLevel.Warning,
        "Node {Node} ({Name}) is linked, but nodes that join after it will not be, at {Address}: {Problem}")]
    public static partial void AddressFailed(ILogger log, int node, string name, string address, string problem);
}
