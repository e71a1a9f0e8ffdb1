using System.Net;
using System.Net.Sockets;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;
using MailCluster.LoadTest.Sink;
using Xunit;

namespace MailCluster.LoadTest.Tests;

/// <summary>The clients against the sink, over real sockets.</summary>
public sealed class SinkTests : IAsyncLifetime
{
    private readonly SinkServer _sink = new(
        new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0), TimeProvider.System);

    private readonly CancellationTokenSource _stop = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mailcluster-sink-");
    private Task _serving = Task.CompletedTask;

    public ValueTask InitializeAsync()
    {
        _serving = _sink.RunAsync(_stop.Token);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Kept_connections_take_every_arrival_and_each_is_acknowledged()
    {
        var result = await RunAsync(
            """{ "kind": "inbound", "connections": "kept", "count": 5, "recipientsMax": 3, "arrivals": { "process": "even", "rate": 500 } }""",
            """[[100, 1], [5000, 1], [200000, 0.1]]""");
        var operation = AllDone(result, 900);
        Assert.Equal(operation.Done, AcknowledgedLines(result));
    }

    [Fact]
    public async Task A_connection_for_each_message_and_each_session_is_opened_and_closed()
    {
        var sent = await RunAsync(
            """{ "kind": "inbound", "arrivals": { "rate": 100 } }""", "[[3000, 1]]");
        AllDone(sent, 130);
        var read = await RunAsync(
            """{ "kind": "pop3", "tls": 0, "arrivals": { "rate": 100 } }""", "[[3000, 1]]");
        AllDone(read, 130);
        Assert.Equal(0, read.Seconds[^1].OpenConnections);
    }

    [Fact]
    public async Task Arrivals_go_on_while_a_server_says_nothing_and_latency_counts_from_their_time()
    {
        // Slow and idle clients hold connections, attackers get an answer to all but what breaks off.
        var result = await RunAsync(
            """{ "kind": "idle", "count": 20 }, { "kind": "slow", "count": 3, "octetsPerSecond": 50 }, { "kind": "hostile", "arrivals": { "process": "even", "rate": 20 } }""",
            "[[3000, 1]]");
        Assert.Equal(20, result.Operations[0].Done);
        Assert.Equal(3, result.Operations[1].Done);
        Assert.Equal(result.Operations[2].Arrived, result.Operations[2].Done);
        Assert.Contains(result.Seconds, second => second.OpenConnections >= 23);
    }

    [Fact]
    public async Task A_server_that_stops_in_the_middle_is_an_error_of_each_arrival_after_it()
    {
        var stopping = Task.CompletedTask;
        var run = RunAsync(
            """{ "kind": "inbound", "arrivals": { "process": "even", "rate": 200 } }""", "[[3000, 1]]",
            second =>
            {
                if (second.At is > 0.9 and < 1.9)
                {
                    stopping = StopAsync();
                }
            });
        var result = await run;
        await stopping;
        var operation = Assert.Single(result.Operations);
        Assert.True(operation.Failed > 50, $"{operation.Failed} failed of {operation.Arrived}");
        Assert.Equal(operation.Arrived, operation.Done + operation.Failed);
        Assert.Contains(result.Reasons, reason => reason is { Stage: "CONNECT", Reason: "connection refused" });
    }

    [Fact]
    public async Task An_alert_in_the_place_of_a_handshake_counts_as_a_refusal()
    {
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var answering = TurnAwayAsync(server, stop.Token);

        var result = await RunAsync(
            """{ "kind": "pop3", "tls": 1, "arrivals": { "process": "even", "rate": 20 } }""", "[[3000, 1]]",
            pop3s: server.LocalEndpoint.ToString());

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answering);
        var operation = Assert.Single(result.Operations);
        Assert.Equal(("TLS", "TLS alert"), (Assert.Single(result.Reasons).Stage, result.Reasons[0].Reason));
        Assert.Equal(operation.Failed, result.Seconds.Sum(second => second.Operations[0].Refused));
        Assert.True(operation.Failed >= 30, $"{operation.Failed} of {operation.Arrived}");
    }

    private static async Task TurnAwayAsync(TcpListener server, CancellationToken stop)
    {
        while (true)
        {
            using var client = await server.AcceptSocketAsync(stop);
            try
            {
                // Fatal, internal_error (RFC 8446 §6.2), and no more.
                await client.ReceiveAsync(new byte[4096], stop);
                await client.SendAsync(new byte[] { 21, 3, 3, 0, 2, 2, 80 }, stop);
            }
            catch (SocketException)
            {
                // The run is over, and with it this client.
            }
        }
    }

    private async Task StopAsync()
    {
        if (!_stop.IsCancellationRequested)
        {
            await _stop.CancelAsync();
            await _serving;
            _sink.Dispose();
        }
    }

    private static OperationTotal AllDone(LoadResult result, int least)
    {
        var operation = Assert.Single(result.Operations);
        Assert.True(operation.Arrived >= least, $"{operation.Arrived} arrived");
        Assert.Empty(result.Reasons);
        Assert.Equal(operation.Arrived, operation.Done);
        Assert.Equal(operation.Done, operation.Latency.Count);
        return operation;
    }

    private static long AcknowledgedLines(LoadResult result) =>
        File.ReadLines(result.LedgerPath).Count(line => line.StartsWith("A ", StringComparison.Ordinal));

    private Task<LoadResult> RunAsync(
        string clients, string histogram, Action<RunSecond>? second = null, string? pop3s = null)
    {
        var tls = pop3s is null ? "" : $", \"pop3s\": \"{pop3s}\"";
        var scenario = ScenarioFile.Parse($$"""
            {
              "duration": "2s", "check": false,
              "targets": [{ "smtp": "{{_sink.Smtp}}", "pop3": "{{_sink.Pop3}}"{{tls}} }],
              "users": { "count": 50, "make": false, "password": "secret" },
              "sizes": { "source": "https://load.invalid/", "histogram": {{histogram}} },
              "clients": [{{clients}}]
            }
            """, "test");
        return LoadRun.RunAsync(new LoadWishes
        {
            Scenario = scenario,
            LedgerPath = Path.Combine(_folder.FullName, $"{Guid.NewGuid():N}.ledger"),
            Second = second,
        }, TestContext.Current.CancellationToken);
    }
}
