using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>What stands behind what on a link.</summary>
public enum LinkLane
{
    /// <summary>Asks, replies, tells: small, first.</summary>
    Asks,

    /// <summary>Parts of large answers: sent when no ask waits. Its senders ask for credit themselves.</summary>
    Bulk,
}

public static class LinkFrames
{
    /// <summary>Octets of a frame at most, its length prefix not counted.</summary>
    public const int OctetsMax = 64 * 1024;
}

/// <summary>
/// One duplex link to every other node that is up. Frames of one lane arrive in order and once, or the link breaks;
/// what was on its way then is lost, and nobody sends it again but who asked.
/// </summary>
public interface INodeLinks
{
    /// <summary>
    /// Serialises at once, never blocks. False: there is no link to this incarnation, its queue is at its bound
    /// (back-pressure), or the frame would be larger than <see cref="LinkFrames.OctetsMax"/>.
    /// </summary>
    bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks);

    bool IsUp(NodePeer peer);

    /// <summary>Who is to be linked; others are dropped. From membership, whenever the table changes.</summary>
    void Expect(ImmutableArray<NodeRow> others);

    /// <summary>Before the first <see cref="Expect"/>; once.</summary>
    void Listen(ILinkListener listener);
}

/// <summary>
/// Is told what comes from other nodes; on any thread, one call at a time per peer, and returns soon.
/// </summary>
public interface ILinkListener
{
    /// <param name="wireVersion">The newest that both speak.</param>
    void Up(NodePeer peer, int wireVersion);

    /// <summary>After the last <see cref="Received"/> of that link.</summary>
    void Down(NodePeer peer);

    /// <param name="frame">Only for the time of the call.</param>
    void Received(NodePeer from, ReadOnlyMemory<byte> frame);
}
