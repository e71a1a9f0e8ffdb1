namespace MailCluster.Actors.Delivery;

/// <summary>Bounds and deadlines of what waits for its mailbox.</summary>
public sealed record SpoolOptions
{
    /// <summary>
    /// Sessions of a node that wait for a delivery at once. Default 10,000: above it a durable message is acknowledged
    /// without a wait.
    /// </summary>
    public int WaitersMax { get; init; } = 10_000;

    /// <summary>
    /// One visit to a mailbox, loading included. Default 5 s: a mailbox that needs longer goes on loading meanwhile.
    /// </summary>
    public TimeSpan VisitDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Mailboxes visited at once. Default 256, so that silent ones do not keep the others waiting.</summary>
    public int VisitsMax { get; init; } = 256;

    /// <summary>
    /// Messages of one visit; a mailbox with more comes again behind the others. Default 32.
    /// </summary>
    public int VisitRowsMax { get; init; } = 32;

    /// <summary>Mailboxes that wait for a visit, in memory. Default 4096; the others are found by the sweep.</summary>
    public int ReadyMax { get; init; } = 4096;

    /// <summary>Mailboxes per read of the sweep. Default 512.</summary>
    public int SweepPage { get; init; } = 512;

    /// <summary>
    /// How often the store is asked what is due. Default 5 s: what nobody told of waits no longer than that.
    /// </summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Rows of this node's mailboxes that other nodes wait for. Default 65,536; beyond it sessions there wait for their
    /// delay.
    /// </summary>
    public int ForeignRowsMax { get; init; } = 65_536;

    /// <summary>Rows in one tell to another node. Default 1024: at most 20 KiB.</summary>
    public int RowsPerTell { get; init; } = 1024;

    /// <summary>After the first attempt that failed; doubles with each further one. Default 1 s.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where the doubling ends. Default 5 minutes: a mailbox that is mended is found within that.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// After it a failed attempt is the last one. Default 5 days (RFC 5321 §4.5.4.1).
    /// </summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(5);

    /// <param name="failures">At least 1.</param>
    public TimeSpan BackoffAfter(int failures)
    {
        // The doubling stops counting at 2^30, long after any sensible bound.
        var doubled = MinBackoff * Math.Pow(2, Math.Min(failures - 1, 30));
        return doubled < MaxBackoff ? doubled : MaxBackoff;
    }
}
