using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Edge;
using MailCluster.Shared.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>The links of one node in this process, with a port of its own on loopback.</summary>
internal sealed class LinkHost : IAsyncDisposable
{
    public const string ClusterName = "c1";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly WebApplication _app;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _meters = new();
    private readonly ConcurrentDictionary<string, long> _figures = new();
    private readonly LogLines _log = new();
    private readonly ILoggerFactory _loggers;

    private LinkHost(int id, long incarnation, LinkOptions options, int oldest, int newest, string cluster)
    {
        Id = id;
        Incarnation = incarnation;
        var meters = _services.GetRequiredService<IMeterFactory>();
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>(Count);
        _meters.Start();
        _loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(_log));
        Links = new NodeLinks(options, TimeProvider.System, meters, _loggers.CreateLogger<NodeLinks>());
        Links.Listen(Heard);
        Identity = new(cluster, Peer, Name, "0.1.0") { OldestWireVersion = oldest, NewestWireVersion = newest };
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSockets(EdgeEndpoints.ConfigureTransport).ConfigureKestrel(kestrel =>
            LinkEndpoints.Listen(
                kestrel, [new IPEndPoint(IPAddress.Loopback, 0)], Links, listen => Listening = listen));
        _app = builder.Build();
    }

    public int Id { get; }

    public long Incarnation { get; }

    public NodeLinks Links { get; }

    public HeardFrames Heard { get; } = new();

    public LinkIdentity Identity { get; }

    public NodePeer Peer => new(new NodeId(Id), new Incarnation(Incarnation));

    public string Name => FormattableString.Invariant($"node{Id}");

    public int Port => Listening!.IPEndPoint!.Port;

    public NodeRow Row => RowAt(FormattableString.Invariant($"127.0.0.1:{Port}"));

    public IReadOnlyList<(LogLevel Level, string Text)> Log => _log.Lines;

    private ListenOptions? Listening { get; set; }

    public static async Task<LinkHost> StartAsync(
        int id, long incarnation = 1, LinkOptions? options = null, int oldest = 1, int newest = 1,
        string cluster = ClusterName, bool joins = true)
    {
        var host = new LinkHost(id, incarnation, options ?? new(), oldest, newest, cluster);
        await host._app.StartAsync();
        if (joins)
        {
            host.Links.Join(host.Identity);
        }

        return host;
    }

    /// <summary>Everyone expects everyone and has heard so.</summary>
    public static async Task LinkAsync(params LinkHost[] hosts)
    {
        foreach (var host in hosts)
        {
            host.Links.Expect([.. hosts.Where(other => other != host).Select(other => other.Row)]);
        }

        foreach (var host in hosts)
        {
            foreach (var other in hosts.Where(other => other != host))
            {
                await UntilAsync(() => host.Links.IsUp(other.Peer));
            }
        }
    }

    /// <summary>Looks again and again; the bound is for a run that will fail.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var bound = new CancellationTokenSource(Patience);
        using var looks = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!condition())
        {
            await looks.WaitForNextTickAsync(bound.Token);
        }
    }

    public NodeRow RowAt(string address) => new(
        new(Id), Name, new(Incarnation), address, NodeState.Up, TimeSpan.FromSeconds(2), "0.1.0", 1);

    public LinkStatus StatusOf(LinkHost other) => Links.Status.Single(status => status.Peer.Id.Value == other.Id);

    /// <param name="tag">Its value; null: all.</param>
    public long Figure(string instrument, string? tag = null) => _figures
        .Where(figure => figure.Key == $"{instrument}/{tag}"
            || (tag is null && figure.Key.StartsWith(instrument + "/", StringComparison.Ordinal)))
        .Sum(figure => figure.Value);

    public Task StopServerAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await Links.DisposeAsync();
        await _app.DisposeAsync();
        _meters.Dispose();
        _loggers.Dispose();
        await _services.DisposeAsync();
    }

    private void Count(
        Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var tag = tags.Length > 0 ? Convert.ToString(tags[0].Value, CultureInfo.InvariantCulture) : "";
        _figures.AddOrUpdate($"{instrument.Name}/{tag}", value, (_, sum) => sum + value);
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<(LogLevel, string)> _lines = new();

        public IReadOnlyList<(LogLevel, string)> Lines => [.. _lines];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue((logLevel, formatter(state, exception) + exception));

        public void Dispose()
        {
        }
    }
}
