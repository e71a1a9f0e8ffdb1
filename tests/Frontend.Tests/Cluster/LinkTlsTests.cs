using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using MailCluster.Actors.Cluster;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Edge;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>Mutual TLS between nodes with certificates made here.</summary>
public sealed class LinkTlsTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _stranger = new();

    public void Dispose()
    {
        _authority.Dispose();
        _stranger.Dispose();
    }

    [Fact]
    public async Task Two_nodes_of_one_authority_link_and_frames_of_both_lanes_pass()
    {
        await using var one = await LinkHost.StartAsync(1, options: Tls(_authority.Issue("one")));
        await using var two = await LinkHost.StartAsync(2, options: Tls(_authority.Issue("two")));
        var octets = 0;
        one.Heard.OnFrame = (_, frame) => octets += frame.Length;
        await LinkHost.LinkAsync(one, two);

        var part = new BytesValue { Value = ByteString.CopyFrom(new byte[LinkFrames.OctetsMax - 4]) };
        for (var sent = 0; sent < 100; sent++)
        {
            while (!two.Links.TrySend(one.Peer, part, LinkLane.Bulk))
            {
                await Task.Yield();
            }
        }

        Assert.True(two.Links.TrySend(one.Peer, new StringValue { Value = "x" }));
        await LinkHost.UntilAsync(() => one.Heard.Frames == 101);
        Assert.Equal((100 * LinkFrames.OctetsMax) + 3, octets);
    }

    [Fact]
    public async Task A_peer_with_a_certificate_of_another_authority_is_refused_and_hears_no_hello()
    {
        await using var one = await LinkHost.StartAsync(1, options: Tls(_authority.Issue("one")));
        // It trusts everyone's authority, so that only its own certificate is at fault.
        await using var two = await LinkHost.StartAsync(
            2, options: Tls(_stranger.Issue("two", caFile: BothAuthorities())));
        Expect(one, two);

        await LinkHost.UntilAsync(() =>
            one.Figure("mailcluster.links.handshakes.refused", "certificate_untrusted") > 0
            && two.Figure("mailcluster.links.dial.failures") > 1);
        AssertNeverUp(one, two);
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("does not lead to Cluster.CaFile", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_dialled_peer_with_a_certificate_of_another_authority_hears_no_hello()
    {
        await using var one = await LinkHost.StartAsync(
            1, options: Tls(_stranger.Issue("one", caFile: BothAuthorities())));
        await using var two = await LinkHost.StartAsync(2, options: Tls(_authority.Issue("two")));
        Expect(one, two);

        await LinkHost.UntilAsync(() => two.Figure("mailcluster.links.dial.failures", "certificate_untrusted") > 0);
        AssertNeverUp(one, two);
        Assert.Contains("Cluster.CaFile", two.StatusOf(one).LastError, StringComparison.Ordinal);
        Assert.Contains(two.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("does not lead to Cluster.CaFile", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused_and_gets_no_octet()
    {
        await using var one = await LinkHost.StartAsync(1, options: Tls(_authority.Issue("one")));

        await AssertNoOctetAsync(one, null);

        await LinkHost.UntilAsync(() =>
            one.Figure("mailcluster.links.handshakes.refused", "certificate_missing") == 1);
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("showed no certificate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_whose_certificate_has_expired_is_refused_and_gets_no_octet()
    {
        await using var one = await LinkHost.StartAsync(1, options: Tls(_authority.Issue("one")));
        var expired = _authority.Issue("two", validFor: TimeSpan.FromDays(-1));
        using var pair = X509Certificate2.CreateFromPemFile(expired.CertificateFile, expired.KeyFile);

        await AssertNoOctetAsync(one, pair);

        await LinkHost.UntilAsync(() =>
            one.Figure("mailcluster.links.handshakes.refused", "certificate_expired") == 1);
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("not valid at this time", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_with_and_a_node_without_tls_do_not_link_and_both_say_what_to_do(bool dialledHasTls)
    {
        var tls = Tls(_authority.Issue("one"));
        var plain = tls with { Tls = null };
        await using var one = await LinkHost.StartAsync(1, options: dialledHasTls ? tls : plain);
        await using var two = await LinkHost.StartAsync(2, options: dialledHasTls ? plain : tls);
        Expect(one, two);

        await LinkHost.UntilAsync(() => one.Figure("mailcluster.links.handshakes.refused") > 0
            && two.Figure("mailcluster.links.dial.failures") > 0);
        AssertNeverUp(one, two);
        Assert.Contains(one.Log, line => line.Level == LogLevel.Warning
            && line.Text.Contains("Cluster.MutualTls", StringComparison.Ordinal));
        Assert.Contains("Cluster.MutualTls", two.StatusOf(one).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_peers_would_refuse_are_refused_at_start()
    {
        var foreign = _stranger.Issue("foreign", caFile: _authority.CaFile);
        var expired = _authority.Issue("expired", validFor: TimeSpan.FromDays(-1));
        var missing = new LinkTlsFiles("/nowhere/cert.pem", "/nowhere/key.pem", _authority.CaFile);

        Assert.Contains("does not lead to", Refusal(foreign), StringComparison.Ordinal);
        Assert.Contains("not valid at this time", Refusal(expired), StringComparison.Ordinal);
        Assert.Contains("/nowhere/cert.pem", Refusal(missing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renewed_files_serve_new_links_and_broken_ones_leave_the_old_in_use()
    {
        var time = new Conformance.ManualTime();
        var files = _authority.Issue("one");
        var log = new List<string>();
        using var credentials = new LinkCredentials(files, time, new ListLog(log));
        var first = await SerialShownAsync(credentials);

        File.WriteAllText(files.CertificateFile, "broken");
        File.SetLastWriteTimeUtc(files.CertificateFile, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        time.Advance(CertificateShelf.LookInterval);
        Assert.Equal(first, await SerialShownAsync(credentials));
        Assert.Contains(log, line => line.Contains("stays in use", StringComparison.Ordinal));

        _authority.Issue("one");
        time.Advance(CertificateShelf.LookInterval);
        Assert.NotEqual(first, await SerialShownAsync(credentials));
        Assert.Contains(log, line => line.Contains("was read anew", StringComparison.Ordinal));
    }

    private static LinkOptions Tls(LinkTlsFiles files) => new()
    {
        Tls = files,
        BackoffMin = TimeSpan.FromMilliseconds(10),
        BackoffMax = TimeSpan.FromMilliseconds(100),
        SilenceMax = TimeSpan.FromSeconds(30),
        HandshakeTimeout = TimeSpan.FromSeconds(10),
    };

    private static void Expect(LinkHost one, LinkHost two)
    {
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row]);
    }

    private static void AssertNeverUp(LinkHost one, LinkHost two)
    {
        Assert.Empty(one.Heard.Events);
        Assert.Empty(two.Heard.Events);
        Assert.All(one.Links.Status.Concat(two.Links.Status), status => Assert.Null(status.UpSince));
    }

    private static string Refusal(LinkTlsFiles files) =>
        Assert.Throws<CertificateException>(() => new LinkCredentials(files, TimeProvider.System, NullLogger.Instance))
            .Message;

    /// <summary>Under TLS 1.3 the client is done before the server has judged it; the first read tells.</summary>
    private async Task AssertNoOctetAsync(LinkHost host, X509Certificate2? certificate)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host.Port);
        await using var stream = new SslStream(client.GetStream());
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "x",
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                VerificationFlags = X509VerificationFlags.IgnoreInvalidName,
            },
            RemoteCertificateValidationCallback =
                (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == 0,
        };
        options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(_authority.CaFile);
        if (certificate is not null)
        {
            var shown = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
            options.ClientCertificateContext = SslStreamCertificateContext.Create(shown, null, offline: true);
        }

        var read = 0;
        try
        {
            await stream.AuthenticateAsClientAsync(options);
            read = await stream.ReadAsync(new byte[1]);
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            // That is a refusal too.
        }

        Assert.Equal(0, read);
    }

    private string BothAuthorities()
    {
        var file = _authority.CaFile + ".both";
        File.WriteAllText(file, File.ReadAllText(_authority.CaFile) + "\n" + File.ReadAllText(_stranger.CaFile));
        return file;
    }

    private static async Task<string> SerialShownAsync(LinkCredentials credentials)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var near = new TcpClient();
        await near.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var far = await listener.AcceptTcpClientAsync();
        await using var server = new SslStream(far.GetStream());
        await using var client = new SslStream(near.GetStream());
        await Task.WhenAll(
            credentials.AuthenticateAsync(server, dials: false, "", CancellationToken.None),
            credentials.AuthenticateAsync(client, dials: true, "x", CancellationToken.None));
        return client.RemoteCertificate!.GetSerialNumberString();
    }

    private sealed class ListLog(List<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => lines.Add(formatter(state, exception));
    }
}
