using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Cluster;

/// <summary>What all of membership stands on.</summary>
internal sealed record MembershipParts(
    IClusterStore Store, MembershipOptions Options, TimeProvider Time, ClusterMetrics Metrics, ILogger Log)
{
    /// <summary>For one call of the store.</summary>
    public CancellationTokenSource Patience() => new(Options.CallPatience, Time);

    /// <summary>The timestamp so long from now.</summary>
    public long After(TimeSpan time) =>
        Time.GetTimestamp() + (long)(time.TotalSeconds * Time.TimestampFrequency);
}
