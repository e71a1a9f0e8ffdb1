using System.Collections.Immutable;

namespace MailCluster.Shared.Sasl;

/// <summary>What ties an exchange to the TLS connection below it (RFC 5056 §2.1).</summary>
/// <param name="Type">Of the registry of RFC 5056 §7: "tls-server-end-point" (RFC 5929 §4).</param>
public sealed record ChannelBinding(string Type, ImmutableArray<byte> Octets)
{
    /// <summary>The hash of the server's certificate (RFC 5929 §4.1).</summary>
    public const string ServerEndPoint = "tls-server-end-point";
}

/// <summary>What a connection can carry, as far as the choice of mechanisms depends on it.</summary>
public enum SaslChannel
{
    Clear,

    /// <summary>TLS whose certificate has no channel binding (RFC 5929 §4.1: its hash is not defined).</summary>
    Tls,

    /// <summary>TLS with a <see cref="ChannelBinding"/>.</summary>
    BoundTls,
}
