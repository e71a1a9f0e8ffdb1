using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Cluster;

internal static partial class ClusterAskLog
{
    [LoggerMessage(
        3200, LogLevel.Warning,
        "Node {Peer} sent a frame that cannot be read; is it a version that this one does not understand?")]
    public static partial void Unreadable(ILogger log, NodePeer peer, Exception failure);

    [LoggerMessage(3201, LogLevel.Error, "What node {Peer} asked could not be handled.")]
    public static partial void HandlerFailed(ILogger log, NodePeer peer, Exception failure);

    [LoggerMessage(3202, LogLevel.Debug, "An ask of shard {Shard} goes on: {Why}.")]
    public static partial void GoesOn(ILogger log, ShardId shard, Kernel.AskFailure why);
}
