using MailCluster.Actors.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>Bounds and intervals of the links between nodes.</summary>
internal sealed record LinkOptions
{
    /// <summary>Null: links are not under TLS.</summary>
    public LinkTlsFiles? Tls { get; init; }

    /// <summary>Who has sent nothing for so long sends a ping.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A peer of whom nothing was heard for so long, stopped or cut off, is dropped.</summary>
    public TimeSpan SilenceMax { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From the connection to the end of both Hellos, TLS included.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The wait before the second attempt; doubled up to <see cref="BackoffMax"/>, each ± 25 %.</summary>
    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Octets that wait per peer and lane; at the bound <see cref="INodeLinks.TrySend"/> is false. 4 MiB: a second's
    /// worth of asks at 50,000 a second.
    /// </summary>
    public int WaitingOctetsMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Frames that wait per peer and lane.</summary>
    public int WaitingFramesMax { get; init; } = 65_536;

    /// <summary>Accepted connections that have not said who they are; beyond it new ones are closed at once.</summary>
    public int HandshakesMax { get; init; } = 64;

    /// <summary>A refusal or failure of one kind is a warning at most so often; in between it is at Debug.</summary>
    public TimeSpan WarningInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Who is to be dialled by a peer and is not says so after that time.</summary>
    public TimeSpan NotDialledAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a link that is closed on purpose may take to send what waits and the Goodbye.</summary>
    public TimeSpan GoodbyeTimeout { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <param name="CertificateFile">PEM, leaf first, then its chain; shown to peers on both sides.</param>
/// <param name="KeyFile">PEM, not encrypted.</param>
/// <param name="CaFile">PEM; what peers' certificates have to lead to, and nothing else does.</param>
internal sealed record LinkTlsFiles(string CertificateFile, string KeyFile, string CaFile);
