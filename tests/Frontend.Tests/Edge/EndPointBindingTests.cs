using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Frontend.Edge;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>RFC 5929 §4.1.</summary>
public sealed class EndPointBindingTests
{
    [Theory]
    [InlineData("SHA256", 32)]
    [InlineData("SHA384", 48)]
    [InlineData("SHA512", 64)]
    public void The_hash_is_the_signatures(string name, int length)
    {
        var hash = new HashAlgorithmName(name);
        using var rsa = RSA.Create(2048);
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        foreach (var request in (CertificateRequest[])
            [new("CN=a", rsa, hash, RSASignaturePadding.Pkcs1), new("CN=b", ecdsa, hash)])
        {
            using var certificate = SelfSigned(request);

            var binding = EndPointBinding.Of(certificate);

            Assert.Equal(ChannelBinding.ServerEndPoint, binding!.Type);
            Assert.Equal(length, binding.Octets.Length);
            Assert.Equal(CryptographicOperations.HashData(hash, certificate.RawData), binding.Octets);
        }
    }

    [Fact]
    public void A_signature_with_its_hash_in_parameters_has_no_binding()
    {
        using var rsa = RSA.Create(2048);
        using var certificate =
            SelfSigned(new("CN=a", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pss));

        Assert.Null(EndPointBinding.Of(certificate));
    }

    private static X509Certificate2 SelfSigned(CertificateRequest request) =>
        request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(80));
}
