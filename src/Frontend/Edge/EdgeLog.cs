using System.Net;
using MailCluster.Shared;

namespace MailCluster.Frontend.Edge;

internal static partial class EdgeLog
{
    [LoggerMessage(1000, LogLevel.Information,
        "{Protocol} connection on {Binding} from {Source} ended: {EndReason}, {Seconds} s, {Commands} commands, {Messages} messages, {OctetsIn} octets in, {OctetsOut} out, {Tls}")]
    public static partial void ConnectionEnded(
        ILogger log, string protocol, string binding, IPAddress source, ConnectionEndReason endReason, double seconds,
        long commands, long messages, long octetsIn, long octetsOut, string tls);

    [LoggerMessage(
        1001, LogLevel.Error, "A connection on {Binding} met a fault of ours; the client got a temporary failure")]
    public static partial void ConnectionFault(ILogger log, string binding, Exception fault);

    [LoggerMessage(1002, LogLevel.Information, "Certificate {File} was read anew")]
    public static partial void CertificateReloaded(ILogger log, string file);

    [LoggerMessage(1003, LogLevel.Error, "{Problem} The certificate in use stays in use")]
    public static partial void CertificateBroken(ILogger log, string problem);

    [LoggerMessage(
        1004, LogLevel.Information, "Draining: {Connections} connections are open, at most {Timeout} for them to end")]
    public static partial void DrainStarted(ILogger log, int connections, TimeSpan timeout);

    [LoggerMessage(1005, LogLevel.Information, "Drained after {Seconds} s; {Cut} connections were cut")]
    public static partial void DrainEnded(ILogger log, double seconds, int cut);

    [LoggerMessage(1006, LogLevel.Warning, "The store cannot be asked: {Problem}")]
    public static partial void StoreUnavailable(ILogger log, string problem);

    [LoggerMessage(1007, LogLevel.Warning, "A fault ended a login attempt with a temporary failure")]
    public static partial void LoginUnavailable(ILogger log, Exception fault);

    [LoggerMessage(
        1008, LogLevel.Warning,
        "More comes than the node can do: {Why} ({Setting}), so new connections on {Binding} are turned away; said at most once a minute, counted in mailcluster.edge.connections.shed")]
    public static partial void Shedding(ILogger log, string binding, string why, string setting);

    [LoggerMessage(
        1009, LogLevel.Warning,
        "No connection can be accepted on {Binding} now: {Problem}. Raise the limit of open files (LimitNOFILE, ulimit -n)")]
    public static partial void AcceptFailed(ILogger log, string binding, string problem);
}
