namespace MailCluster.Actors.Limits;

/// <summary>What a home may answer for the sources of one shard.</summary>
internal enum ShardStanding
{
    /// <summary>All permits are known.</summary>
    Complete,

    /// <summary>
    /// A node that is up has not said what it holds, and nobody else has: what is known is the least there is.
    /// </summary>
    Partial,

    /// <summary>Nodes are being heard; soon known.</summary>
    Gathering,

    /// <summary>The home is elsewhere.</summary>
    NotHere,
}
