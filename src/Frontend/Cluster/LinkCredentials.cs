using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Frontend.Edge;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// The certificate of this node and the authority that its peers' must lead to, both ways; names are not compared, the
/// Hello says who is who. Files are looked at again every <see cref="CertificateShelf.LookInterval"/>; new ones serve
/// new links, broken ones are reported and the old ones stay.
/// </summary>
internal sealed class LinkCredentials : IDisposable
{
    private readonly LinkTlsFiles _files;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly ITimer _timer;
    private Loaded _loaded;

    private sealed record Loaded(
        SslStreamCertificateContext Own, X509Certificate2Collection Authorities, ImmutableArray<DateTime> Stamps);

    public LinkCredentials(LinkTlsFiles files, TimeProvider time, ILogger log)
    {
        _files = files;
        _time = time;
        _log = log;
        _loaded = Load();
        _timer = time.CreateTimer(_ => Look(), null, CertificateShelf.LookInterval, CertificateShelf.LookInterval);
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Throws <see cref="LinkFaultException"/> when the peer is not to be trusted.</summary>
    public async Task AuthenticateAsync(
        SslStream stream, bool dials, string host, CancellationToken cancellationToken)
    {
        var loaded = Volatile.Read(ref _loaded);
        LinkFault? verdict = null;
        bool Judge(object sender, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
        {
            verdict = JudgeOf(certificate, sent, loaded.Authorities);
            return verdict is null;
        }

        try
        {
            await (dials
                ? stream.AuthenticateAsClientAsync(ClientOptions(loaded, host, Judge), cancellationToken)
                : stream.AuthenticateAsServerAsync(ServerOptions(loaded, Judge), cancellationToken))
                .ConfigureAwait(false);
        }
        catch (Exception e) when (
            e is AuthenticationException or IOException or InvalidOperationException or ObjectDisposedException)
        {
            var ended = e is AuthenticationException ? LinkFault.TlsFailed : LinkFault.ClosedEarly;
            throw new LinkFaultException(verdict ?? ended, (e.InnerException ?? e).Message, e);
        }
    }

    private static SslClientAuthenticationOptions ClientOptions(
        Loaded loaded, string host, RemoteCertificateValidationCallback judge) => new()
        {
            TargetHost = host,
            ClientCertificateContext = loaded.Own,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = judge,
            // A resumed session would pass with the certificate of back then.
            AllowTlsResume = false,
            AllowRenegotiation = false,
        };

    private static SslServerAuthenticationOptions ServerOptions(
        Loaded loaded, RemoteCertificateValidationCallback judge) => new()
        {
            ServerCertificateContext = loaded.Own,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = judge,
            AllowTlsResume = false,
            AllowRenegotiation = false,
        };

    /// <summary>Null: it leads to one of the authorities and is valid now.</summary>
    private LinkFault? JudgeOf(
        X509Certificate? certificate, X509Chain? sent, X509Certificate2Collection authorities)
    {
        if (certificate is not X509Certificate2 leaf)
        {
            return LinkFault.CertificateMissing;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().LocalDateTime;
        if (sent is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        }

        if (chain.Build(leaf))
        {
            return null;
        }

        return chain.ChainStatus.All(status => status.Status == X509ChainStatusFlags.NotTimeValid)
            ? LinkFault.CertificateExpired
            : LinkFault.CertificateUntrusted;
    }

    private Loaded Load()
    {
        var stamps = Stamps();
        try
        {
            using var pair = X509Certificate2.CreateFromPemFile(_files.CertificateFile, _files.KeyFile);
            var sent = new X509Certificate2Collection();
            sent.ImportFromPemFile(_files.CertificateFile);
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(_files.CaFile);
            // A copy with its key in memory: what CreateFromPemFile gives cannot be used by every TLS back end.
            var leaf = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
            using var chain = new X509Chain();
            chain.ChainPolicy.ExtraStore.AddRange(sent);
            if (JudgeOf(leaf, chain, authorities) is { } fault)
            {
                throw new CertificateException(
                    $"Links cannot use the certificate {_files.CertificateFile} with the authority {_files.CaFile}, "
                    + $"peers would refuse it: {LinkFaults.TextOf(fault)}.");
            }

            return new(
                SslStreamCertificateContext.Create(leaf, sent.Count > 1 ? sent : null, offline: true), authorities,
                stamps);
        }
        catch (Exception e) when (
            e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CertificateException(
                $"Links cannot use the certificate {_files.CertificateFile} with the key {_files.KeyFile} and the "
                + $"authority {_files.CaFile}: {e.Message}", e);
        }
    }

    private ImmutableArray<DateTime> Stamps() =>
    [
        CertificateShelf.StampOf(_files.CertificateFile),
        CertificateShelf.StampOf(_files.KeyFile),
        CertificateShelf.StampOf(_files.CaFile),
    ];

    private void Look()
    {
        if (Stamps().SequenceEqual(_loaded.Stamps))
        {
            return;
        }

        try
        {
            Volatile.Write(ref _loaded, Load());
            LinkLog.CertificateReloaded(_log, _files.CertificateFile);
        }
        catch (CertificateException e)
        {
            LinkLog.CertificateBroken(_log, e.Message);
        }
    }
}
