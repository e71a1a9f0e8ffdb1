using System.Diagnostics.Metrics;
using MailCluster.Shared;

namespace MailCluster.Frontend.Edge;

/// <summary>Instruments of the edge; tags come from closed sets only.</summary>
internal sealed class EdgeMetrics
{
    private readonly UpDownCounter<long> _open;
    private readonly Counter<long> _ended;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _commands;
    private readonly Counter<long> _protocolErrors;
    private readonly Counter<long> _received;
    private readonly Counter<long> _receivedOctets;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _sentOctets;
    private readonly Counter<long> _logins;
    private readonly Counter<long> _handshakes;
    private readonly Counter<long> _greetings;
    private readonly Counter<long> _held;
    private readonly Counter<long> _shed;
    private readonly Histogram<double> _waited;
    private readonly UpDownCounter<long> _waiting;

    public EdgeMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _open = meter.CreateUpDownCounter<long>(
            "mailcluster.edge.connections", "{connection}", "Connections open now, by protocol.");
        _ended = meter.CreateCounter<long>(
            "mailcluster.edge.connections.ended", "{connection}", "Connections ended, by protocol and end reason.");
        _duration = meter.CreateHistogram(
            "mailcluster.edge.connection.duration", "s", "From accept to close, by protocol.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.1, 1, 10, 60, 300, 1800] });
        _commands = meter.CreateCounter<long>(
            "mailcluster.edge.replies", "{reply}", "Replies said, by protocol and class (2, 3, 4, 5; ok, err).");
        _protocolErrors = meter.CreateCounter<long>(
            "mailcluster.edge.protocol.errors", "{error}",
            "Input that broke the protocol's grammar or order, by protocol.");
        _received = meter.CreateCounter<long>(
            "mailcluster.smtp.messages", "{message}",
            "Messages received to their end, by verdict (accepted, refused).");
        _receivedOctets =
            meter.CreateCounter<long>("mailcluster.smtp.messages.octets", "By", "Octets of accepted messages.");
        _sent = meter.CreateCounter<long>("mailcluster.pop3.messages", "{message}", "Messages sent by RETR and TOP.");
        _sentOctets = meter.CreateCounter<long>(
            "mailcluster.pop3.messages.octets", "By", "Octets of messages sent by RETR and TOP.");
        _logins = meter.CreateCounter<long>(
            "mailcluster.edge.logins", "{login}",
            "Logins, by protocol, mechanism (with PASS of POP3) and verdict (accepted, refused, malformed, unavailable).");
        _handshakes = meter.CreateCounter<long>(
            "mailcluster.edge.tls.handshakes", "{handshake}", "TLS handshakes, by verdict (ok, failed).");
        _greetings = meter.CreateCounter<long>(
            "mailcluster.edge.connections.refused", "{connection}",
            "Connections refused instead of greeted, by protocol and reason: codes are shared, reasons are not.");
        _shed = meter.CreateCounter<long>(
            "mailcluster.edge.connections.shed", "{connection}",
            "Connections turned away unseen because there was too much to do, by protocol, who (stranger, user) and why "
                + "(turn, commit).");
        _waited = meter.CreateHistogram(
            "mailcluster.edge.turn.delay", "s",
            "From the handshake of a connection until its first turn, of the one that came first of those that wait.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
            });
        _waiting = meter.CreateUpDownCounter<long>(
            "mailcluster.edge.connections.waiting", "{connection}",
            "Connections that were accepted and wait for their first turn while turns are late, by who (stranger, user).");
        _held = meter.CreateCounter<long>(
            "mailcluster.smtp.tarpitted", "{reply}", "Errors held back by TarpitInterval or AuthTarpitInterval.");
    }

    public void Opened(string protocol) => _open.Add(1, new KeyValuePair<string, object?>("protocol", protocol));

    public void Ended(string protocol, ConnectionEndReason reason, TimeSpan age)
    {
        var tag = new KeyValuePair<string, object?>("protocol", protocol);
        _open.Add(-1, tag);
        _ended.Add(1, tag, new KeyValuePair<string, object?>("reason", NameOf(reason)));
        _duration.Record(age.TotalSeconds, tag);
    }

    /// <param name="reason">Of a closed set, see <see cref="ConnectionRefusal"/>.</param>
    public void Refused(string protocol, string reason) =>
        _greetings.Add(1, new KeyValuePair<string, object?>("protocol", protocol), new KeyValuePair<string,
            object?>("reason", reason));

    public void Held() => _held.Add(1);

    public void Shed(string protocol, bool isStranger, ShedReason why) => _shed.Add(
        1, new KeyValuePair<string, object?>("protocol", protocol),
        new KeyValuePair<string, object?>("who", isStranger ? "stranger" : "user"),
        new KeyValuePair<string, object?>("why", why == ShedReason.Turn ? "turn" : "commit"));

    /// <summary>One more waits for its first turn, or one less.</summary>
    public void Waiting(bool isStranger, int change) =>
        _waiting.Add(change, new KeyValuePair<string, object?>("who", isStranger ? "stranger" : "user"));

    public void Waited(TimeSpan delay) => _waited.Record(delay.TotalSeconds);

    public void Replied(string protocol, string replyClass) =>
        _commands.Add(1, new KeyValuePair<string, object?>("protocol", protocol), new KeyValuePair<string,
            object?>("class", replyClass));

    public void ProtocolErrors(string protocol, long count)
    {
        if (count > 0)
        {
            _protocolErrors.Add(count, new KeyValuePair<string, object?>("protocol", protocol));
        }
    }

    public void MessageReceived(bool accepted, long octets)
    {
        _received.Add(1, new KeyValuePair<string, object?>("verdict", accepted ? "accepted" : "refused"));
        if (accepted)
        {
            _receivedOctets.Add(octets);
        }
    }

    public void MessageSent(long octets)
    {
        _sent.Add(1);
        _sentOctets.Add(octets);
    }

    public void LoggedIn(string protocol, string mechanism, string verdict) => _logins.Add(
        1, new KeyValuePair<string, object?>("protocol", protocol),
        new KeyValuePair<string, object?>("mechanism", mechanism),
        new KeyValuePair<string, object?>("verdict", verdict));

    public void Handshake(bool succeeded) =>
        _handshakes.Add(1, new KeyValuePair<string, object?>("verdict", succeeded ? "ok" : "failed"));

    private static string NameOf(ConnectionEndReason reason) => reason switch
    {
        ConnectionEndReason.Quit => "quit",
        ConnectionEndReason.ClientClosed => "client_closed",
        ConnectionEndReason.Inactivity => "inactivity",
        ConnectionEndReason.ConnectionTimeout => "connection_timeout",
        ConnectionEndReason.WriteTimeout => "write_timeout",
        ConnectionEndReason.ProtocolErrors => "protocol_errors",
        ConnectionEndReason.LogonFailures => "logon_failures",
        ConnectionEndReason.TlsFailed => "tls_failed",
        ConnectionEndReason.ProxyHeader => "proxy_header",
        ConnectionEndReason.LimitExceeded => "limit_exceeded",
        ConnectionEndReason.NotAllowed => "not_allowed",
        ConnectionEndReason.Draining => "draining",
        _ => "server_fault",
    };
}
