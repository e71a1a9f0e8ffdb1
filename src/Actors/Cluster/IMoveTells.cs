using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Tells other nodes of shards that moved. What is lost costs time: the table says the same.</summary>
public interface IMoveTells
{
    void Tell(NodePeer to, ShardsMoved moved);
}

/// <summary>
/// What writes or speaks in a node's name: the mail store's fence, the links. Membership gives it the new incarnation
/// after the old one was lost; what it still does under the old one is refused.
/// </summary>
public interface IFenceTaker
{
    /// <summary>
    /// Completes when everything from then on is done under this incarnation. Asked again when it fails.
    /// </summary>
    Task TakeAsync(NodePeer peer);
}

/// <summary>Another node has the name: <see cref="Exception.Message"/> says which, for the administrator.</summary>
public sealed class NodeNameTakenException(string message) : Exception(message);
