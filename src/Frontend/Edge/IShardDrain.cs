namespace MailCluster.Frontend.Edge;

/// <summary>What a node of a cluster gives away when it drains, beside its sessions.</summary>
internal interface IShardDrain
{
    /// <summary>
    /// Completes when other nodes are home of everything, when nobody is there to take it, or at cancellation. Throws
    /// nothing: what is left is claimed by others as after a crash.
    /// </summary>
    Task HandOverAsync(CancellationToken cancellationToken);
}
