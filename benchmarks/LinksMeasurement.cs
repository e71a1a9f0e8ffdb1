using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Edge;
using MailCluster.Shared.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// Two nodes' links over real TCP on loopback, both in this process, so that its CPU time is that of both sides: one
/// asks, the other replies, each message is serialised and parsed as it is in the program. Usage: <c>links [seconds]
/// [octets]</c>. Under <c>taskset</c> it shows what one core does.
/// </summary>
internal static class LinksMeasurement
{
    public static async Task RunAsync(string[] args)
    {
        int Number(int index, int fallback) =>
            args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : fallback;
        var seconds = Number(0, 5);
        var octets = Number(1, 48);
        EdgeEndpoints.PreferInlineCompletions();
        var asker = new Asker();
        var replier = new Replier();
        await using var one = await Host.StartAsync(1, replier);
        await using var two = await Host.StartAsync(2, asker);
        replier.Links = one.Links;
        asker.Links = two.Links;
        asker.To = one.Row.Peer;
        one.Links.Expect([two.Row]);
        two.Links.Expect([one.Row]);
        while (!one.Links.IsUp(two.Row.Peer) || !two.Links.IsUp(one.Row.Peer))
        {
            await Task.Delay(10);
        }

        var text = new string('x', Math.Max(1, octets - 14));
        _ = await LoadAsync(asker, 64, TimeSpan.FromSeconds(2), text);
        foreach (var outstanding in (int[])[1, 4, 16, 64, 256, 1024])
        {
            await Task.Delay(100);
            Report(outstanding, await LoadAsync(asker, outstanding, TimeSpan.FromSeconds(seconds), text));
        }
    }

    private static void Report(int outstanding, (List<double> Micros, double Seconds, TimeSpan Cpu) load)
    {
        var (latencies, elapsed, cpu) = load;
        latencies.Sort();
        var count = latencies.Count;
        Console.WriteLine(FormattableString.Invariant(
            $"{outstanding,5} outstanding: {count / elapsed,8:F0} asks/s, p50 {latencies[count / 2],6:F0} µs, ")
            + FormattableString.Invariant(
                $"p99 {latencies[(int)(count * 0.99)],6:F0} µs, CPU {cpu.TotalMicroseconds / count,5:F1} µs per ask ")
            + FormattableString.Invariant($"(both sides) = {count / cpu.TotalSeconds,7:F0} asks per CPU-second"));
    }

    private static async Task<(List<double> Micros, double Seconds, TimeSpan Cpu)> LoadAsync(
        Asker asker, int outstanding, TimeSpan duration, string text)
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        var tasks = Enumerable.Range(0, outstanding).Select(_ => Task.Run(async () =>
        {
            var latencies = new List<double>(100_000);
            while (clock.Elapsed < duration)
            {
                var started = Stopwatch.GetTimestamp();
                await asker.AskAsync(text);
                latencies.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            }

            return latencies;
        })).ToList();
        var all = (await Task.WhenAll(tasks)).SelectMany(latencies => latencies).ToList();
        return (all, clock.Elapsed.TotalSeconds, Environment.CpuUsage.TotalTime - cpu);
    }

    /// <summary>Hello stands in for an envelope: a number to correlate by, and octets.</summary>
    private sealed class Asker : ILinkListener
    {
        private readonly ConcurrentDictionary<long, TaskCompletionSource> _asks = new();
        private long _next;

        public NodeLinks? Links { get; set; }

        public NodePeer To { get; set; }

        public async Task AskAsync(string text)
        {
            var number = Interlocked.Increment(ref _next);
            var reply = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _asks[number] = reply;
            while (!Links!.TrySend(To, new Hello { Incarnation = number, Name = text }))
            {
                await Task.Yield();
            }

            await reply.Task;
        }

        public void Up(NodePeer peer, int wireVersion)
        {
        }

        public void Down(NodePeer peer)
        {
        }

        public void Received(NodePeer from, ReadOnlyMemory<byte> frame)
        {
            if (_asks.TryRemove(Hello.Parser.ParseFrom(frame.Span).Incarnation, out var reply))
            {
                reply.SetResult();
            }
        }
    }

    private sealed class Replier : ILinkListener
    {
        public NodeLinks? Links { get; set; }

        public void Up(NodePeer peer, int wireVersion)
        {
        }

        public void Down(NodePeer peer)
        {
        }

        public void Received(NodePeer from, ReadOnlyMemory<byte> frame)
        {
            var ask = Hello.Parser.ParseFrom(frame.Span);
            if (!Links!.TrySend(from, new Hello { Incarnation = ask.Incarnation, Name = ask.Name }))
            {
                throw new InvalidOperationException("The link is full.");
            }
        }
    }

    private sealed class Host(NodeLinks links, WebApplication app, NodeRow row) : IAsyncDisposable
    {
        public NodeLinks Links => links;

        public NodeRow Row => row;

        public static async Task<Host> StartAsync(int id, ILinkListener listener)
        {
            var peer = new NodePeer(new(id), new(1));
            var links = new NodeLinks(
                new LinkOptions(), TimeProvider.System, new Meters(), NullLogger<NodeLinks>.Instance);
            links.Listen(listener);
            links.Join(new("c1", peer, "node", "0.1.0"));
            ListenOptions? listening = null;
            var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore().UseSockets(EdgeEndpoints.ConfigureTransport).ConfigureKestrel(
                kestrel => LinkEndpoints.Listen(
                    kestrel, [new IPEndPoint(IPAddress.Loopback, 0)], links, listen => listening = listen));
            var app = builder.Build();
            await app.StartAsync();
            return new(links, app, new(
                peer.Id, "node", peer.Incarnation, listening!.IPEndPoint!.ToString(), NodeState.Up,
                TimeSpan.FromSeconds(1), "0.1.0", 1));
        }

        public async ValueTask DisposeAsync()
        {
            await links.DisposeAsync();
            await app.DisposeAsync();
        }
    }
}
