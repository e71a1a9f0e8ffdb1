namespace MailCluster.Simulation;

/// <summary>A defect that is put in on purpose: what the simulation is for is shown by its finding them.</summary>
internal enum Planted
{
    None,

    /// <summary>The database does not check who writes.</summary>
    NoFence,

    /// <summary>A connection that ends while the home of its source moves keeps its permit.</summary>
    LeakedPermit,

    /// <summary>Now and then a row of the spool is delivered and stays, so that it is delivered again.</summary>
    SpoolClaimedTwice,

    /// <summary>The store takes a body twice: that of a message whose home did not answer, and the spool's.</summary>
    BodyTakenTwice,
}
