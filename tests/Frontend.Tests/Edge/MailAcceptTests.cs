using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Tests.Conformance;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>Real sockets, planted delays: who is turned away, and with which octets.</summary>
public sealed class MailAcceptTests : IAsyncDisposable
{
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Commit = TimeSpan.FromSeconds(1);
    private static readonly byte[] Alert = [21, 3, 3, 0, 2, 2, 80];

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ManualTime _time = new();
    private readonly OverloadGate _gate;
    private readonly MailTransport _transport;

    public MailAcceptTests()
    {
        var metrics = new EdgeMetrics(_services.GetRequiredService<IMeterFactory>());
        _gate = new OverloadGate(
            new BackPressureOptions(0, null, Turn, Commit), metrics, _time, NullLogger<OverloadGate>.Instance);
        _transport = new MailTransport(_gate, _time, NullLogger<MailTransport>.Instance);
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    [Fact]
    public async Task While_nothing_waits_everybody_is_let_in()
    {
        foreach (var (binding, _) in Bindings())
        {
            await using var listener = await ListenAsync(binding);
            Assert.Equal("let in", await TryAsync(listener, binding));
        }
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task When_connections_wait_too_long_strangers_are_turned_away_and_users_are_not()
    {
        foreach (var (binding, refusal) in Bindings())
        {
            await using var listener = await ListenAsync(binding);
            await AwaitAsync(
                binding.IsForStrangers ? refusal : "let in", listener, binding, () => PlantTurns(Turn * 1.5));
        }
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task When_that_was_not_enough_new_connections_of_users_are_turned_away_too()
    {
        foreach (var (binding, refusal) in Bindings())
        {
            await using var listener = await ListenAsync(binding);
            await AwaitAsync(refusal, listener, binding, () => PlantTurns(Turn * 5));
        }
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task When_messages_wait_too_long_for_their_commit_only_strangers_are_turned_away()
    {
        foreach (var (binding, refusal) in Bindings())
        {
            await using var listener = await ListenAsync(binding);
            await AwaitAsync(
                binding.IsForStrangers ? refusal : "let in", listener, binding, () => PlantCommits(Commit * 2));
        }
    }

    [Fact]
    public void A_connection_that_was_in_time_ends_it_at_once_and_silence_after_a_second()
    {
        const string Because = "are turned away: connections wait too long for their first turn";
        Assert.Null(_gate.Why);
        PlantTurns(Turn * 5);
        Assert.Equal(ShedReason.Turn, _gate.Judge(isStranger: false));
        Assert.Equal($"new connections {Because}", _gate.Why);

        _gate.NoteTurn(Turn * 1.5);
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: false));
        Assert.Equal(ShedReason.Turn, _gate.Judge(isStranger: true));
        Assert.Equal($"new connections of strangers {Because}", _gate.Why);
        _gate.NoteTurn(Turn);
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: true));
        Assert.Null(_gate.Why);

        PlantTurns(Turn * 5);
        _time.Advance(TimeSpan.FromMilliseconds(939));
        Assert.Equal(ShedReason.Turn, _gate.Judge(isStranger: true));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: true));
    }

    [Fact]
    public void A_message_that_waits_for_a_mailbox_of_its_own_is_not_a_slow_store()
    {
        for (var slow = 0; slow < 20; slow++)
        {
            _gate.NoteCommit(Commit * 30);
            _time.Advance(TimeSpan.FromMilliseconds(500));
            if (slow % 5 == 0)
            {
                _gate.NoteCommit(TimeSpan.FromMilliseconds(5));
            }

            Assert.Equal(ShedReason.None, _gate.Judge(isStranger: true));
        }
    }

    [Fact]
    public void Zero_switches_it_off()
    {
        var off = new OverloadGate(
            new BackPressureOptions(0, null, TimeSpan.Zero, TimeSpan.Zero),
            new EdgeMetrics(_services.GetRequiredService<IMeterFactory>()), _time, NullLogger<OverloadGate>.Instance);
        for (var late = 0; late < 20; late++)
        {
            off.NoteTurn(TimeSpan.FromSeconds(9));
            off.NoteCommit(TimeSpan.FromSeconds(9));
            _time.Advance(TimeSpan.FromMilliseconds(200));
        }

        Assert.Equal(ShedReason.None, off.Judge(isStranger: true));
    }

    [Fact]
    public async Task A_listener_that_is_closed_while_connections_come_ends_and_takes_nothing_with_it()
    {
        var cancel = TestContext.Current.CancellationToken;
        for (var round = 0; round < 50; round++)
        {
            var listener = await ListenAsync(Bindings()[0].Binding);
            var at = (IPEndPoint)listener.EndPoint;
            var isOver = false;
            var callers = Enumerable.Range(0, 4).Select(_ => Task.Run(
                async () =>
                {
                    while (!Volatile.Read(ref isOver))
                    {
                        try
                        {
                            using Socket client = new(SocketType.Stream, ProtocolType.Tcp);
                            await client.ConnectAsync(at, cancel);
                        }
                        catch (SocketException)
                        {
                            return;
                        }
                    }
                },
                cancel)).ToArray();
            for (var accepted = 0; accepted < 20; accepted++)
            {
                await using var connection = await listener.AcceptAsync(cancel);
                Assert.NotNull(connection);
            }

            await listener.UnbindAsync(cancel);
            while (await listener.AcceptAsync(cancel) is { } late)
            {
                await late.DisposeAsync();
            }

            await listener.DisposeAsync();
            Volatile.Write(ref isOver, true);
            await Task.WhenAll(callers);
        }
    }

    private static (BindingEdge Binding, string Refusal)[] Bindings() =>
    [
        (Binding("smtp", BindingTls.StartTls, isForStrangers: true),
            "421 4.3.2 Too many connections, try again later\r\n"),
        (Binding("smtp", BindingTls.StartTls), "421 4.3.2 Too many connections, try again later\r\n"),
        (Binding("smtp", BindingTls.Implicit), Encoding.Latin1.GetString(Alert)),
        (Binding("pop3", BindingTls.None), "-ERR [SYS/TEMP] Too many connections, closing connection\r\n"),
        (Binding("pop3", BindingTls.Implicit), Encoding.Latin1.GetString(Alert)),
    ];

    private static BindingEdge Binding(string protocol, BindingTls tls, bool isForStrangers = false) => new(
        "name", protocol, [], tls, [], null, TimeSpan.FromMinutes(1), new ConnectionPlaces(null))
    {
        IsForStrangers = isForStrangers,
    };

    private async Task<IConnectionListener> ListenAsync(BindingEdge binding)
    {
        MailEndPoint at = new(new IPEndPoint(IPAddress.Loopback, 0), binding);
        Assert.True(_transport.CanBind(at));
        Assert.False(_transport.CanBind(new IPEndPoint(IPAddress.Loopback, 0)));
        return await _transport.BindAsync(at, TestContext.Current.CancellationToken);
    }

    /// <summary>The connection that asks may itself have been in time and so have ended it: then again.</summary>
    private static async Task AwaitAsync(
        string expected, IConnectionListener listener, BindingEdge binding, Action plant)
    {
        var found = "";
        for (var tries = 0; tries < 100 && found != expected; tries++)
        {
            plant();
            found = await TryAsync(listener, binding);
        }

        Assert.Equal(expected, found);
    }

    private static async Task<string> TryAsync(IConnectionListener listener, BindingEdge binding)
    {
        var cancel = TestContext.Current.CancellationToken;
        using Socket client = new(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint, cancel);
        if (binding.Tls == BindingTls.Implicit)
        {
            // As a client does whose first octets are there before it is looked at.
            await client.SendAsync("\x16\x03\x01 the beginning of a handshake"u8.ToArray(), cancel);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var accepting = listener.AcceptAsync(stop.Token).AsTask();
        var buffer = new byte[256];
        var reading = client.ReceiveAsync(buffer, cancel).AsTask();
        if (await Task.WhenAny(accepting, reading) == accepting)
        {
            await using var accepted = (await accepting)!;
            return "let in";
        }

        var text = new StringBuilder();
        for (var count = await reading; count > 0; count = await client.ReceiveAsync(buffer, cancel))
        {
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        await stop.CancelAsync();
        try
        {
            await accepting;
        }
        catch (OperationCanceledException)
        {
            // The refused connection is no connection: it went on waiting.
        }

        return text.ToString();
    }

    private void PlantTurns(TimeSpan delay)
    {
        for (var sample = 0; sample < 5; sample++)
        {
            _gate.NoteTurn(delay);
            _time.Advance(TimeSpan.FromMilliseconds(60));
        }
    }

    private void PlantCommits(TimeSpan delay)
    {
        for (var sample = 0; sample < 9; sample++)
        {
            _gate.NoteCommit(delay);
            _time.Advance(TimeSpan.FromMilliseconds(150));
        }
    }
}
