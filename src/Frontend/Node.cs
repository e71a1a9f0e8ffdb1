using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MailCluster.Frontend;

/// <summary>One address of one binding; its port is known once the node has started.</summary>
internal sealed record OpenListener(string Binding, ListenOptions Options)
{
    public IPEndPoint Endpoint => Options.IPEndPoint!;
}

/// <summary>What the ready file says: the process and, for each binding, where it listens.</summary>
internal sealed record ReadyReport(int Pid, IReadOnlyDictionary<string, string[]> Listeners);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ReadyReport))]
internal sealed partial class ReadyJson : JsonSerializerContext;

/// <summary>A node from opened store to drained end.</summary>
internal sealed class Node(
    MailClusterOptions options, Foundation foundation, IMailStore store, ClusterNode? cluster, WebApplication app,
    List<OpenListener> listeners) : IAsyncDisposable
{
    public MailClusterOptions Options => options;

    public IMailStore Store => store;

    public IServiceProvider Services => app.Services;

    public ILoggerFactory Loggers => foundation.Loggers;

    public PrometheusExporter Metrics => foundation.Exporter;

    public IReadOnlyList<OpenListener> Listeners => listeners;

    /// <summary>Makes what is otherwise made when the ports open, so that every instrument exists.</summary>
    public void MakeEveryPart()
    {
        _ = (app.Services.GetRequiredService<Edge.MailListener>(), app.Services.GetRequiredService<RetentionSweep>());
        if (cluster is null)
        {
            // What a lone node has not; a cluster's node has them all.
            var meters = foundation.Meters;
            _ = (new ClusterMetrics(meters), new AskMetrics(meters), new MaildropMetrics(meters),
                new LinkMetrics(meters));
            app.Services.GetRequiredService<LimitsMetrics>().Observe(() => 0, () => 0);
        }
    }

    /// <summary>Opens the ports; when it returns, clients are served.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await app.Services.GetRequiredService<ShortestRetention>().LookAsync();
        await app.StartAsync(cancellationToken);
        if (cluster is not null)
        {
            // What other nodes ask for is there before the first link.
            _ = app.Services.GetRequiredService<MessageImporter>();
            await cluster.StartAsync(
                app.Services.GetRequiredService<ShardAsks>(), app.Services.GetRequiredService<IShardResidents>(),
                app.Lifetime.StopApplication, cancellationToken);
        }

        _ = app.Services.GetRequiredService<Edge.QuietCollection>();
        app.Services.GetRequiredService<RetentionSweep>().Start();
        app.Services.GetRequiredService<NodeStatus>().Serve();
    }

    /// <summary>Until SIGTERM or SIGINT, and then until every session has ended or DrainTimeout is over.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => app.WaitForShutdownAsync(cancellationToken);

    public ReadyReport Report() => new(Environment.ProcessId, listeners
        .GroupBy(listener => listener.Binding)
        .ToDictionary(group => group.Key, group => group.Select(listener => listener.Endpoint.ToString()).ToArray()));

    /// <summary>Whole or not at all: whoever waits for the file reads all of it.</summary>
    public void WriteReadyFile(string file)
    {
        var beside = $"{file}.new";
        File.WriteAllText(beside, JsonSerializer.Serialize(Report(), ReadyJson.Default.ReadyReport) + "\n");
        File.Move(beside, file, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        // Actors first, while what they write to is there.
        if (app.Services.GetService<ActorSystem>() is { } actors)
        {
            await actors.DisposeAsync();
        }

        await app.DisposeAsync();
        await (cluster?.DisposeAsync() ?? store.DisposeAsync());
        foundation.Dispose();
    }
}
