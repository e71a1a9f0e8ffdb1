using MailCluster.Actors.Cluster;

namespace MailCluster.Actors.Kernel;

/// <summary>An ask that got no reply.</summary>
/// <param name="home">Where to ask instead, of a home that was asked in vain; null: not known.</param>
public sealed class AskFailedException(AskFailure why, ShardHome? home = null)
    : Exception($"The ask got no reply: {why}.")
{
    public AskFailure Why { get; } = why;

    public ShardHome? Home { get; } = home;
}
