using MailCluster.Shared.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>One link as the administrator sees it.</summary>
/// <param name="Address">Where the peer says it is reached.</param>
/// <param name="Dials">This node dials the peer; otherwise the peer dials this one.</param>
/// <param name="UpSince">Null: it is not up.</param>
/// <param name="WireVersion">0: it is not up.</param>
/// <param name="LastError">Why the last attempt or the last link ended, with the remedy; null: nothing has yet.</param>
internal sealed record LinkStatus(
    NodePeer Peer, string Name, string Address, bool Dials, DateTimeOffset? UpSince, int WireVersion,
    string? LastError);
