using System.Diagnostics.Metrics;
using System.Text.Json;
using MailCluster.Actors.Kernel;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace MailCluster.Frontend.Tests.Observability;

/// <summary>The watch in virtual time, over files that a test writes.</summary>
public sealed class ResourceWatchTests : IDisposable
{
    private const long Wanted = 1_000_000;

    private readonly SeededScheduler _scheduler = new(1);
    private readonly FakeMemory _files = new();
    private readonly Lines _lines = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private Func<DiskReading> _disk = () => new(Wanted * 10, 0);

    public void Dispose()
    {
        _files.Dispose();
        _services.Dispose();
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_disk_that_fills_is_short_within_a_second_and_well_when_it_is_emptied()
    {
        using var watch = Watch();
        Assert.False(watch.IsShort);

        _disk = () => new(Wanted - 1, 0);
        Assert.False(watch.IsShort);
        _scheduler.Advance(ResourceWatch.LookInterval);
        Assert.True(watch.IsShort);
        Assert.Equal("999999 octets of disk are free, 1000000 wanted", watch.Why);

        _disk = () => new(Wanted + 1, 0); // not enough yet: no yes and no by turns
        _scheduler.Advance(ResourceWatch.LookInterval * 10);
        Assert.True(watch.IsShort);

        _disk = () => new(Wanted * 2, 0);
        _scheduler.Advance(ResourceWatch.LookInterval);
        Assert.False(watch.IsShort);
        Assert.Null(watch.Why);
        Assert.Equal([2500, 2501], _lines.Events);
    }

    [Fact]
    public void What_is_short_at_the_start_is_known_at_the_start()
    {
        _disk = () => new(0, 0);

        using var watch = Watch();

        Assert.True(watch.IsShort);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_container_that_fills_is_short_although_the_process_is_small()
    {
        _files.Second("/mail");
        _files.Write("sys/fs/cgroup/mail/memory.max", "1000000000");
        _files.Write("sys/fs/cgroup/mail/memory.stat", "inactive_file 100000000\nactive_file 0\n");
        _files.Write("sys/fs/cgroup/mail/memory.current", "1000000000");
        using var watch = Watch();
        Assert.False(watch.IsShort);

        _files.Write("sys/fs/cgroup/mail/memory.stat", "inactive_file 900000\nactive_file 100000\n");
        _scheduler.Advance(ResourceWatch.LookInterval);
        Assert.Contains("999000000 of 1000000000", watch.Why, StringComparison.Ordinal);

        _files.Write("sys/fs/cgroup/mail/memory.current", "500000000");
        _scheduler.Advance(ResourceWatch.LookInterval);
        Assert.False(watch.IsShort);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public void A_process_that_grows_beyond_its_limit_is_short()
    {
        using var watch = Watch(maxProcessMemory: 64 * 1024 * 1024);
        Assert.False(watch.IsShort);

        _files.Process(kibibytes: 65_537);
        _scheduler.Advance(ResourceWatch.LookInterval);

        Assert.Contains("67109888 octets of memory, 67108864 allowed", watch.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_read_is_said_once_and_holds_up_nothing()
    {
        _disk = () => throw new IOException("gone");
        _files.Write("proc/meminfo", "nothing that is known\n");
        _files.Write("proc/self/status", "");

        using var watch = Watch();
        _scheduler.Advance(ResourceWatch.LookInterval * 100);

        Assert.False(watch.IsShort);
        Assert.Equal([2502, 2502, 2502], _lines.Events);
    }

    [Fact]
    public void A_reading_that_fails_for_whatever_cause_is_unknown_and_ends_nothing()
    {
        using var watch = Watch();
        _disk = () => throw new InvalidOperationException("Nobody expected that.");

        _scheduler.Advance(ResourceWatch.LookInterval * 3);
        Assert.False(watch.IsShort);
        Assert.Equal([2502], _lines.Events);

        _disk = () => new(0, 0);
        _scheduler.Advance(ResourceWatch.LookInterval);
        Assert.True(watch.IsShort);
    }

    [Fact]
    public void The_figures_are_metrics()
    {
        using var exporter = new PrometheusExporter(_services.GetRequiredService<IMeterFactory>());
        _disk = () => new(100, 7);

        using var watch = Watch();
        var text = exporter.Write();

        Assert.Contains("mailcluster_resource_disk_free_bytes 107\n", text, StringComparison.Ordinal);
        Assert.Contains("memory_used_bytes{scope=\"process\"} 51200000\n", text, StringComparison.Ordinal);
        Assert.Contains("memory_used_bytes{scope=\"whole\"} 12288000000\n", text, StringComparison.Ordinal);
        Assert.Contains("short{resource=\"disk\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("short{resource=\"memory\"} 0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-12")]
    public async Task A_node_that_is_short_stays_ready_and_says_what_is_short()
    {
        await using var node = new RunningNode { MinFreeDisk = long.MaxValue };
        await node.InitializeAsync();
        using var client = new HttpClient { BaseAddress = node.Url };

        using var ready = await client.GetAsync("/health/ready", TestContext.Current.CancellationToken);

        Assert.True(ready.IsSuccessStatusCode);
        using var json =
            JsonDocument.Parse(await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("degraded", json.RootElement.GetProperty("status").GetString());
        Assert.Contains("octets of disk are free",
            Assert.Single(json.RootElement.GetProperty("reasons").EnumerateArray()).GetString(),
            StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public async Task A_node_that_turns_connections_away_stays_ready_and_says_so()
    {
        await using var node = new RunningNode();
        await node.InitializeAsync();
        using var client = new HttpClient { BaseAddress = node.Url };
        var gate = node.Node.Services.GetRequiredService<OverloadGate>();
        var cancelled = TestContext.Current.CancellationToken;
        string text;
        do
        {
            // A fifth of a second of it is needed.
            gate.NoteTurn(TimeSpan.FromSeconds(1));
            text = await client.GetStringAsync("/health/ready", cancelled);
        }
        while (!text.Contains("turned away", StringComparison.Ordinal));

        using var json = JsonDocument.Parse(text);
        Assert.Equal("degraded", json.RootElement.GetProperty("status").GetString());
    }

    private ResourceWatch Watch(long? maxProcessMemory = null) => new(
        new BackPressureOptions(Wanted, maxProcessMemory), () => _disk(), _files.Root,
        _services.GetRequiredService<IMeterFactory>(), _scheduler.Time, _lines);

    private sealed class Lines : ILogger<ResourceWatch>
    {
        public List<int> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Events.Add(eventId.Id);
    }
}
