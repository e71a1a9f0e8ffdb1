using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// tls-server-end-point (RFC 5929 §4.1): the certificate's hash by the hash function of its signature, but SHA-256 in
/// place of MD5 and SHA-1. The platform's own is of the peer's certificate, and a server's peer has none.
/// </summary>
internal static class EndPointBinding
{
    /// <summary>Null for a signature without one hash function (Ed25519), or with it in parameters (PSS).</summary>
    public static ChannelBinding? Of(X509Certificate2 certificate)
    {
        var octets = certificate.RawDataMemory.Span;
        var hash = certificate.SignatureAlgorithm.Value switch
        {
            // RSA: RFC 3279 §2.2.1 (MD5, SHA-1), RFC 4055 §5; ECDSA: RFC 3279 §2.2.3 (SHA-1), RFC 5758 §3.2.
            "1.2.840.113549.1.1.4" or "1.2.840.113549.1.1.5" or "1.2.840.10045.4.1" => SHA256.HashData(octets),
            "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" => SHA256.HashData(octets),
            "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => SHA384.HashData(octets),
            "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => SHA512.HashData(octets),
            _ => null,
        };
        return hash is null ? null : new(ChannelBinding.ServerEndPoint, [.. hash]);
    }
}
