using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Tests.Conformance;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>
/// Who is let in when while turns are late: real listeners and connections; when turns come is the test's to say.
/// </summary>
public sealed class FirstTurnsTests : IAsyncDisposable
{
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(11);

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ManualTime _time = new();
    private readonly Queue<IThreadPoolWorkItem> _turns = new();
    private readonly List<Socket> _clients = [];
    private readonly OverloadGate _gate;
    private readonly MailTransport _transport;

    public FirstTurnsTests()
    {
        var metrics = new EdgeMetrics(_services.GetRequiredService<IMeterFactory>());
        _gate = new OverloadGate(
            new BackPressureOptions(0, null, TimeSpan.FromMilliseconds(50)), metrics, _time,
            NullLogger<OverloadGate>.Instance, _turns.Enqueue);
        _transport = new MailTransport(_gate, _time, NullLogger<MailTransport>.Instance);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        _gate.Dispose();
        await _services.DisposeAsync();
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task While_turns_are_late_connections_wait_and_users_go_before_strangers()
    {
        await using var strangers = await ListenAsync(isForStrangers: true);
        await using var users = await ListenAsync(isForStrangers: false);
        await BeLateAsync(strangers);
        await ConnectAsync(strangers, 12);
        await ConnectAsync(users, 5);
        Assert.Equal(17, _gate.Waiting);

        // Of eight, six are for users, of whom there are five.
        _turns.Dequeue().Execute();
        Assert.Equal(9, _gate.Waiting);
        Assert.Equal(5, await CountAsync(users));
        Assert.Equal(3, await CountAsync(strangers));

        _time.Advance(Late);
        _turns.Dequeue().Execute();
        Assert.Equal(1, _gate.Waiting);
        Assert.Equal(8, await CountAsync(strangers));

        // Nobody waits any more, and turns are in time: the next one does not wait for one.
        _turns.Dequeue().Execute();
        Assert.Equal(1, await CountAsync(strangers));
        Assert.Empty(_turns);
        await ConnectAsync(users, 1, waits: false);
        Assert.Equal(1, await CountAsync(users, 1));
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task Those_that_wait_long_are_why_new_ones_are_turned_away_strangers_first()
    {
        await using var strangers = await ListenAsync(isForStrangers: true);
        await using var users = await ListenAsync(isForStrangers: false);
        await BeLateAsync(strangers);
        await ConnectAsync(strangers, 1);

        Pass(TimeSpan.FromMilliseconds(300));
        Assert.Equal(ShedReason.Turn, _gate.Judge(isStranger: true));
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: false));

        await ConnectAsync(users, 9);
        Pass(TimeSpan.FromMilliseconds(450));
        Assert.Equal(ShedReason.Turn, _gate.Judge(isStranger: false));

        // All that waited are let in; who would come now would not wait.
        while (_turns.TryDequeue(out var turn))
        {
            turn.Execute();
        }

        _gate.NoteTurn(TimeSpan.Zero);
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: true));
        Assert.Equal(ShedReason.None, _gate.Judge(isStranger: false));
        Assert.Equal((1, 9), (await CountAsync(strangers), await CountAsync(users)));
    }

    [Fact]
    public async Task A_listener_that_accepts_no_more_lets_in_who_waits_for_it()
    {
        await using var listener = await ListenAsync(isForStrangers: true);
        await using var other = await ListenAsync(isForStrangers: true);
        await BeLateAsync(listener);
        await ConnectAsync(other, 2);
        await ConnectAsync(listener, 3);

        await listener.UnbindAsync(Cancel);

        for (var count = 0; count < 3; count++)
        {
            await using var connection = await listener.AcceptAsync(Cancel);
            Assert.NotNull(connection);
        }

        Assert.Null(await listener.AcceptAsync(Cancel));
        Assert.Equal(2, _gate.Waiting);
    }

    [Fact]
    public async Task A_turn_that_never_comes_is_not_waited_for()
    {
        await using var listener = await ListenAsync(isForStrangers: false);
        await BeLateAsync(listener);
        await ConnectAsync(listener, 3);
        _turns.Clear();

        _time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal(3, await CountAsync(listener, 3));
    }

    /// <summary>The next turn is asked for and does not come in time.</summary>
    private async Task BeLateAsync(IConnectionListener listener)
    {
        await ConnectAsync(listener, 1, waits: false);
        Assert.Equal(1, await CountAsync(listener, 1));
        Assert.Single(_turns);
        _time.Advance(Late);
    }

    /// <summary>Samples while time goes by in which nobody is let in.</summary>
    private void Pass(TimeSpan duration)
    {
        for (var sample = 0; sample < 10; sample++)
        {
            _time.Advance(duration / 10);
            _gate.NoteTurn(TimeSpan.Zero);
        }
    }

    private async Task ConnectAsync(IConnectionListener listener, int count, bool waits = true)
    {
        var expected = _gate.Waiting + (waits ? count : 0);
        for (; count > 0; count--)
        {
            Socket client = new(SocketType.Stream, ProtocolType.Tcp);
            _clients.Add(client);
            await client.ConnectAsync(listener.EndPoint, Cancel);
        }

        while (_gate.Waiting != expected)
        {
            Cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>Those that were let in: all that are there, or so many, which are waited for.</summary>
    private static async Task<int> CountAsync(IConnectionListener listener, int atLeast = 0)
    {
        var count = 0;
        while (true)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            var accepting = listener.AcceptAsync(stop.Token);
            if (!accepting.IsCompleted && count >= atLeast)
            {
                await stop.CancelAsync();
            }

            try
            {
                await using var connection = await accepting;
                count++;
            }
            catch (OperationCanceledException)
            {
                return count;
            }
        }
    }

    private async Task<IConnectionListener> ListenAsync(bool isForStrangers)
    {
        BindingEdge binding = new(
            "name", "smtp", [], BindingTls.StartTls, [], null, TimeSpan.FromMinutes(1), new ConnectionPlaces(null))
        {
            IsForStrangers = isForStrangers,
        };
        return await _transport.BindAsync(new MailEndPoint(new IPEndPoint(IPAddress.Loopback, 0), binding), Cancel);
    }
}
