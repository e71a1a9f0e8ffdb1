using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using MailCluster.Actors.Kernel;
using MailCluster.Frontend.Edge;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>What a client holds that has made its handshake and then says nothing.</summary>
public sealed class IdleTlsTests(RunningNode node) : IClassFixture<RunningNode>
{
    private readonly SeededScheduler _scheduler = new(1);

    [Fact]
    public async Task The_first_read_ends_after_a_pause_so_that_the_handshakes_buffer_is_given_back_and_only_once()
    {
        using var clock = new IdleClock(_scheduler.Time);
        var (connection, client) = await ConnectAsync(clock);
        await using var _ = client;

        var first = connection.ReadAsync().AsTask();
        _scheduler.Advance(TimeSpan.FromMilliseconds(900));
        Assert.False(first.IsCompleted);
        _scheduler.Advance(TimeSpan.FromMilliseconds(100) + IdleClock.Resolution);
        var woken = await first;
        Assert.True(woken.IsCanceled);
        Assert.Null(connection.Expired);
        connection.Input.AdvanceTo(woken.Buffer.Start);

        var second = connection.ReadAsync().AsTask();
        _scheduler.Advance(TimeSpan.FromMinutes(1));
        Assert.False(second.IsCompleted);
        await client.WriteAsync("NOOP\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        var told = await second;
        Assert.Equal("NOOP\r\n", System.Text.Encoding.ASCII.GetString(told.Buffer.ToArray()));
        connection.Input.AdvanceTo(told.Buffer.End);
    }

    [Fact]
    public async Task Who_has_said_something_is_not_woken_whatever_it_waits_for()
    {
        using var clock = new IdleClock(_scheduler.Time);
        var (connection, client) = await ConnectAsync(clock);
        await using var _ = client;
        await client.WriteAsync("NOOP\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        var told = await connection.ReadAsync();
        connection.Received(told.Buffer.Length);
        connection.Input.AdvanceTo(told.Buffer.End);

        var hurry = connection.BeginAccept();
        _scheduler.Advance(TimeSpan.FromMinutes(1));
        Assert.False(hurry.IsCancellationRequested);
        connection.EndAccept();
        var next = connection.ReadAsync().AsTask();
        _scheduler.Advance(TimeSpan.FromMinutes(1));
        Assert.False(next.IsCompleted);
    }

    private async Task<(ClientConnection Connection, SslStream Client)> ConnectAsync(IdleClock clock)
    {
        var (toServer, toClient) = (new Pipe(), new Pipe());
        var transport = new DefaultConnectionContext(
            "tls", new PipeClient.Ends(toServer.Reader, toClient.Writer),
            new PipeClient.Ends(toClient.Reader, toServer.Writer));
        var connection = new ClientConnection(transport, clock, null, TimeSpan.FromMinutes(5));
        using var known = X509CertificateLoader.LoadCertificateFromFile(
            Path.Combine(node.DataDirectory, "tls", "cert.pem"));
        var client = new SslStream(
            new DuplexPipeStream(toClient.Reader, toServer.Writer), false, (_, shown, _, _) => known.Equals(shown));
        var handshake = connection.HandshakeAsync(node.Node.Services.GetRequiredService<CertificateShelf>());
        await client.AuthenticateAsClientAsync("mx.example.test");
        Assert.True(await handshake);
        return (connection, client);
    }
}
