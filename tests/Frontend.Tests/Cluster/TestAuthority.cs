using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Frontend.Cluster;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>An authority that lives for one test, and the files that it gives to nodes.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mailcluster-test-");
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;
    private long _serial;

    public TestAuthority()
    {
        var request = new CertificateRequest($"CN=authority {_directory.Name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        _certificate = request.CreateSelfSigned(now.AddYears(-2), now.AddYears(2));
        File.WriteAllText(CaFile, _certificate.ExportCertificatePem());
    }

    public string CaFile => Path.Combine(_directory.FullName, "ca.pem");

    /// <summary>A pair signed by this authority.</summary>
    /// <param name="caFile">What the node trusts; null: this authority.</param>
    /// <param name="validFor">From a year ago, or until then.</param>
    public LinkTlsFiles Issue(string name, TimeSpan? validFor = null, string? caFile = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var leaf = request.Create(
            _certificate, now.AddYears(-1), now + (validFor ?? TimeSpan.FromDays(1)),
            BitConverter.GetBytes(Interlocked.Increment(ref _serial)));
        var files = new LinkTlsFiles(
            Path.Combine(_directory.FullName, name + ".pem"), Path.Combine(_directory.FullName, name + ".key"),
            caFile ?? CaFile);
        File.WriteAllText(files.KeyFile, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(files.CertificateFile, leaf.ExportCertificatePem());
        return files;
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
        _directory.Delete(recursive: true);
    }
}
