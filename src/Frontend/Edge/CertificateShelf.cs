using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MailCluster.Frontend.Edge;

/// <summary>A certificate file that cannot be used; the message is for the administrator.</summary>
internal sealed class CertificateException(string message, Exception? inner = null) : Exception(message, inner);

/// <param name="Names">
/// SNI names that pick it; "*.example.test" covers one label. Empty: those in the certificate.
/// </param>
internal sealed record CertificateFiles(IReadOnlyList<string> Names, string CertificateFile, string KeyFile);

/// <summary>
/// The certificates, picked by SNI, first match wins; the first one serves who sends no name. Files are looked at again
/// every <see cref="LookInterval"/>; a renewed pair replaces the old one for new connections, a broken one is reported
/// and the old one stays.
/// </summary>
internal sealed class CertificateShelf : IDisposable
{
    public static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);

    private readonly IReadOnlyList<CertificateFiles> _files;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly ITimer? _timer;
    private Entry[] _entries;

    private sealed record Entry(IReadOnlyList<string> Names, SslServerAuthenticationOptions Options, DateTime Stamp);

    /// <param name="fallback">Where the self-signed pair lives or is made; null: none is wanted.</param>
    public CertificateShelf(
        IReadOnlyList<CertificateFiles> files, CertificateFiles? fallback, string nodeName, TimeProvider time,
        ILogger<CertificateShelf> log)
    {
        _time = time;
        _log = log;
        if (files.Count == 0 && fallback is not null)
        {
            MakeSelfSigned(fallback, nodeName, time.GetUtcNow());
            files = [fallback];
        }

        _files = files;
        _entries = [.. files.Select(Load)];
        Handshake = (_, hello, _, _) => ValueTask.FromResult(Pick(hello.ServerName));
        if (files.Count > 0)
        {
            _timer = time.CreateTimer(_ => Look(), null, LookInterval, LookInterval);
        }
    }

    /// <summary>False: TLS cannot be offered at all.</summary>
    public bool IsUsable => _entries.Length > 0;

    public ServerOptionsSelectionCallback Handshake { get; }

    public void Dispose() => _timer?.Dispose();

    private SslServerAuthenticationOptions Pick(string name)
    {
        var entries = Volatile.Read(ref _entries);
        foreach (var entry in entries)
        {
            if (entry.Names.Any(pattern => Covers(pattern, name)))
            {
                return entry.Options;
            }
        }

        return entries[0].Options;
    }

    private static bool Covers(string pattern, string name) =>
        pattern.StartsWith("*.", StringComparison.Ordinal)
            ? name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot
                && name.AsSpan(dot).Equals(pattern.AsSpan(1), StringComparison.OrdinalIgnoreCase)
            : name.Equals(pattern, StringComparison.OrdinalIgnoreCase);

    private static Entry Load(CertificateFiles files)
    {
        var stamp = StampOf(files);
        try
        {
            using var pair = X509Certificate2.CreateFromPemFile(files.CertificateFile, files.KeyFile);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(files.CertificateFile);
            // A copy with its key in memory: what CreateFromPemFile gives cannot be used by every TLS back end.
            var leaf = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
            var context = SslStreamCertificateContext.Create(leaf, chain.Count > 1 ? chain : null, offline: true);
            IReadOnlyList<string> names = files.Names.Count > 0 ? files.Names : [.. NamesIn(leaf)];
            return new Entry(names, new SslServerAuthenticationOptions
            {
                ServerCertificateContext = context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ClientCertificateRequired = false,
                AllowRenegotiation = false,
            }, stamp);
        }
        catch (Exception e) when (
            e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CertificateException(
                $"The certificate {files.CertificateFile} with the key {files.KeyFile} cannot be used: {e.Message}", e);
        }
    }

    private static IEnumerable<string> NamesIn(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames());

    private static DateTime StampOf(CertificateFiles files)
    {
        var certificate = StampOf(files.CertificateFile);
        var key = StampOf(files.KeyFile);
        return certificate > key ? certificate : key;
    }

    /// <summary>
    /// When it was written; a file that cannot be looked at has the stamp of one that is not there, and the load says
    /// why.
    /// </summary>
    internal static DateTime StampOf(string file)
    {
        try
        {
            return File.GetLastWriteTimeUtc(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DateTime.MinValue;
        }
    }

    private void Look()
    {
        var entries = Volatile.Read(ref _entries);
        for (var i = 0; i < entries.Length; i++)
        {
            if (StampOf(_files[i]) == entries[i].Stamp)
            {
                continue;
            }

            try
            {
                var renewed = (Entry[])entries.Clone();
                renewed[i] = Load(_files[i]);
                Volatile.Write(ref _entries, renewed);
                entries = renewed;
                EdgeLog.CertificateReloaded(_log, _files[i].CertificateFile);
            }
            catch (CertificateException e)
            {
                EdgeLog.CertificateBroken(_log, e.Message);
            }
        }
    }

    /// <summary>ECDSA on P-256: a handshake costs a tenth of RSA-2048's.</summary>
    private static void MakeSelfSigned(CertificateFiles files, string nodeName, DateTimeOffset now)
    {
        if (File.Exists(files.CertificateFile) && File.Exists(files.KeyFile))
        {
            return;
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={nodeName}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(nodeName);
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));
        Directory.CreateDirectory(Path.GetDirectoryName(files.CertificateFile)!);
        Directory.CreateDirectory(Path.GetDirectoryName(files.KeyFile)!);
        WriteWhole(files.KeyFile, key.ExportPkcs8PrivateKeyPem(), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        WriteWhole(files.CertificateFile, certificate.ExportCertificatePem(),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }

    /// <summary>Written beside and renamed, so that a crash leaves either no file or a whole one.</summary>
    private static void WriteWhole(string path, string text, UnixFileMode mode)
    {
        var beside = path + ".new";
        File.Delete(beside);
        using (var stream = new FileStream(beside, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = mode,
        }))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text + "\n"));
        }

        File.Move(beside, path, overwrite: true);
    }
}
