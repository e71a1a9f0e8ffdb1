namespace MailCluster.Frontend.Observability;

/// <summary>
/// Whether the node is short of disk or memory (OXSMTP-EV-12): real readings, with hysteresis, looked at by a timer and
/// read by every connection.
/// </summary>
internal sealed class ResourceWatch
{
    /// <summary>A volatile read; no reading is made here.</summary>
    public bool IsShort => Why is not null;

    /// <summary>What is short, for the log and /health/ready; null when nothing is.</summary>
    public string? Why { get; private set; }

    internal void Say(string? why) => Why = why;
}
