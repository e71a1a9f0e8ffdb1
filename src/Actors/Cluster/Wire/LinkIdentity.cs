using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster.Wire;

/// <summary>What a node says of itself on its links.</summary>
/// <param name="Cluster">See <see cref="ClusterTable"/>.</param>
/// <param name="Name">For logs.</param>
/// <param name="ProgramVersion">For logs.</param>
public sealed record LinkIdentity(string Cluster, NodePeer Self, string Name, string ProgramVersion)
{
    /// <summary>What this program speaks.</summary>
    public const int Newest = 1;

    /// <summary>Version N talks to N - 1, and to nothing older.</summary>
    public int OldestWireVersion { get; init; } = 1;

    /// <summary>Rises with every change that a peer of the version before could not read.</summary>
    public int NewestWireVersion { get; init; } = Newest;

    public Hello ToHello() => new()
    {
        Cluster = Cluster,
        Node = Self.Id.Value,
        Incarnation = Self.Incarnation.Value,
        Name = Name,
        OldestWireVersion = OldestWireVersion,
        NewestWireVersion = NewestWireVersion,
        ProgramVersion = ProgramVersion,
    };

    /// <summary>Whether there can be a link with who says this, and in which version.</summary>
    /// <param name="expected">The row of the node that it says it is; null: there is none.</param>
    /// <returns>Unspecified: it is taken.</returns>
    public (RefusalReason Refusal, int WireVersion) Judge(Hello hello, NodeRow? expected)
    {
        if (hello.Cluster != Cluster)
        {
            return (RefusalReason.Cluster, 0);
        }

        if (expected is null || expected.Id.Value != hello.Node)
        {
            return (RefusalReason.UnknownNode, 0);
        }

        if (expected.Incarnation.Value != hello.Incarnation)
        {
            return (RefusalReason.Incarnation, 0);
        }

        var version = Math.Min(NewestWireVersion, hello.NewestWireVersion);
        return version < Math.Max(OldestWireVersion, hello.OldestWireVersion)
            ? (RefusalReason.Version, 0)
            : (RefusalReason.Unspecified, version);
    }
}
