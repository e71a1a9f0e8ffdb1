using System.Diagnostics.Metrics;
using MailCluster.Actors.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>Instruments of the links between nodes; tags come from closed sets only.</summary>
internal sealed class LinkMetrics
{
    private static readonly KeyValuePair<string, object?> AsksTag = new("lane", "asks");
    private static readonly KeyValuePair<string, object?> BulkTag = new("lane", "bulk");

    private readonly UpDownCounter<long> _up;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _reconnected;
    private readonly Counter<long> _dialFailures;
    private readonly Counter<long> _refusedPeers;
    private readonly Counter<long> _framesSent;
    private readonly Counter<long> _framesReceived;
    private readonly Counter<long> _octetsSent;
    private readonly Counter<long> _octetsReceived;
    private readonly Counter<long> _refusedFrames;
    private readonly Counter<long> _flushes;
    private readonly Counter<long> _addresses;

    public LinkMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _up = meter.CreateUpDownCounter<long>("mailcluster.links.up", "{link}", "Links to other nodes that are up.");
        _ended = meter.CreateCounter<long>(
            "mailcluster.links.ended", "{link}", "Links that were up and ended, by reason.");
        _reconnected = meter.CreateCounter<long>(
            "mailcluster.links.reconnects", "{link}", "Links up again to a peer they were up to before.");
        _dialFailures = meter.CreateCounter<long>(
            "mailcluster.links.dial.failures", "{attempt}", "Attempts to dial a peer that failed, by reason.");
        _refusedPeers = meter.CreateCounter<long>(
            "mailcluster.links.handshakes.refused", "{connection}",
            "Connections to the port of links that were refused, by reason.");
        _framesSent = meter.CreateCounter<long>("mailcluster.links.frames.sent", "{frame}", "Frames sent, by lane.");
        _framesReceived = meter.CreateCounter<long>(
            "mailcluster.links.frames.received", "{frame}", "Frames received, by lane.");
        _octetsSent = meter.CreateCounter<long>(
            "mailcluster.links.octets.sent", "By", "Octets of frames sent, headers too, by lane.");
        _octetsReceived = meter.CreateCounter<long>(
            "mailcluster.links.octets.received", "By", "Octets of frames received, headers too, by lane.");
        _refusedFrames = meter.CreateCounter<long>(
            "mailcluster.links.frames.refused", "{frame}",
            "Frames not taken for sending, by reason (no_link, full, too_long).");
        _flushes = meter.CreateCounter<long>(
            "mailcluster.links.flushes", "{flush}", "Writes to connections; frames sent per flush is the batching.");
        _addresses = meter.CreateCounter<long>(
            "mailcluster.links.address.failures", "{attempt}",
            "Attempts to reach the advertised address of a peer that dialled this node itself, and that nobody answered.");
    }

    public void Up(bool isAgain)
    {
        _up.Add(1);
        if (isAgain)
        {
            _reconnected.Add(1);
        }
    }

    public void Down(LinkEnd end)
    {
        _up.Add(-1);
        _ended.Add(1, new KeyValuePair<string, object?>("reason", LinkEnds.NameOf(end)));
    }

    public void DialFailed(LinkFault fault) =>
        _dialFailures.Add(1, new KeyValuePair<string, object?>("reason", LinkFaults.NameOf(fault)));

    public void AddressUnreachable() => _addresses.Add(1);

    public void HandshakeRefused(LinkFault fault) =>
        _refusedPeers.Add(1, new KeyValuePair<string, object?>("reason", LinkFaults.NameOf(fault)));

    public void Sent(LinkLane lane, int frames, int octets)
    {
        var tag = lane == LinkLane.Asks ? AsksTag : BulkTag;
        _framesSent.Add(frames, tag);
        _octetsSent.Add(octets, tag);
    }

    public void Received(LinkLane lane, int frames, long octets)
    {
        if (frames > 0)
        {
            var tag = lane == LinkLane.Asks ? AsksTag : BulkTag;
            _framesReceived.Add(frames, tag);
            _octetsReceived.Add(octets, tag);
        }
    }

    public void Flushed() => _flushes.Add(1);

    /// <param name="reason">Of a closed set, see the instrument.</param>
    public void FrameRefused(string reason) =>
        _refusedFrames.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
