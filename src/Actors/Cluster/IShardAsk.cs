using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>One thing asked of a shard's home, wherever that is. A struct, so that asking allocates no more.</summary>
public interface IShardAsk<TReply>
{
    ShardId Shard { get; }

    /// <summary>
    /// Asking again after an answer was lost does no harm: then the new home is asked when the old one dies in the
    /// middle. Otherwise that ends as <see cref="Kernel.AskFailure.Interrupted"/>.
    /// </summary>
    bool IsRepeatable { get; }

    /// <summary>This node is the home. Nothing is serialised.</summary>
    ValueTask<TReply> AskHere(TimeSpan patience);

    /// <param name="asks">To ask with (<see cref="ShardAsks.AskAsync"/>).</param>
    ValueTask<TReply> AskThere(ShardAsks asks, NodePeer home, TimeSpan patience);
}
