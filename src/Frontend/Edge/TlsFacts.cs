using System.Security.Authentication;

namespace MailCluster.Frontend.Edge;

/// <summary>What was negotiated, in the words of the registries: "TLSv1.3", "TLS_AES_256_GCM_SHA384".</summary>
internal sealed record TlsFacts(string Protocol, string CipherSuite)
{
    public static string NameOf(SslProtocols protocol) => protocol switch
    {
        SslProtocols.Tls13 => "TLSv1.3",
        SslProtocols.Tls12 => "TLSv1.2",
        _ => protocol.ToString(),
    };
}
