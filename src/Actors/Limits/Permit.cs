using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>One connection's place among those of its source (OXSMTP-EV-16).</summary>
/// <param name="Holder">
/// Which start of which other node the connection belongs to; default: this node, whatever it is called by now.
/// </param>
/// <param name="Connection">Never used twice within it.</param>
internal readonly record struct Permit(NodePeer Holder, long Connection);
