using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Limits;

namespace MailCluster.Frontend.Observability;

/// <param name="Free">Octets that the file system of the data directory has left for us.</param>
/// <param name="Reusable">Octets inside the store's files that it fills again first.</param>
internal readonly record struct DiskReading(long Free, long Reusable);

/// <summary>
/// Whether the node is short of disk or memory (OXSMTP-EV-12): real readings, with hysteresis, looked at by a timer and
/// read by every connection. It holds up new mail only: what is there can be read and deleted, which is what helps.
/// </summary>
internal sealed class ResourceWatch : IDisposable
{
    /// <summary>
    /// A disk that takes 1 GB/s needs a second for <see cref="BackPressureOptions.MinFreeDisk"/>; a look costs some
    /// small files.
    /// </summary>
    public static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly ResourceThresholds _thresholds;
    private readonly Func<DiskReading> _disk;
    private readonly Lazy<MemoryFiles> _memory;
    private readonly ILogger _log;
    private readonly ITimer _timer;
    private readonly HashSet<string> _unreadable = [];
    private ResourceReading _reading = new(null, 0, null, []);
    private ResourceLevel _level;
    private volatile string? _why;

    /// <param name="root">Where /proc and /sys are; another one in tests.</param>
    public ResourceWatch(
        BackPressureOptions options, Func<DiskReading> disk, string root, IMeterFactory meters, TimeProvider time,
        ILogger<ResourceWatch> log)
    {
        _thresholds = new(options.MinFreeDisk, options.MaxProcessMemory);
        _disk = disk;
        _memory = new(() => new MemoryFiles(root), LazyThreadSafetyMode.PublicationOnly);
        _log = log;
        Observe(meters.Create("MailCluster"));
        // Known before the first connection; after that one look at a time, even when a disk takes long to answer.
        _timer = time.CreateTimer(static state => ((ResourceWatch)state!).Look(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        Look();
    }

    /// <summary>A volatile read; no reading is made here.</summary>
    public bool IsShort => _why is not null;

    /// <summary>What is short, for the log and /health/ready; null when nothing is.</summary>
    public string? Why => _why;

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var disk = Try<DiskReading?>("free disk", () => _disk(), null);
        _reading = new(
            disk?.Free, disk?.Reusable ?? 0, Try<long?>("process memory", () => _memory.Value.ReadProcess(), null),
            Try<ImmutableArray<MemoryUse>>("container memory", () => _memory.Value.ReadBounds(), []));
        var before = _level;
        _level = before.Next(_reading, _thresholds);
        _why = _level.IsShort ? Describe() : null;
        if (_level.IsShort && !before.IsShort)
        {
            ObservabilityLog.ResourcesShort(_log, _why!);
        }
        else if (before.IsShort && !_level.IsShort)
        {
            ObservabilityLog.ResourcesWell(_log);
        }

        _timer.Change(LookInterval, Timeout.InfiniteTimeSpan);
    }

    private T Try<T>(string what, Func<T> read, T unknown)
    {
        try
        {
            return read();
        }
        catch (Exception e)
        {
            // Whatever it is: on a thread of the clock it would be the end of the node.
            if (_unreadable.Add(what))
            {
                ObservabilityLog.ResourceUnreadable(_log, what, e.Message);
            }

            return unknown;
        }
    }

    private string Describe()
    {
        List<string> reasons = [];
        if (_level.IsDiskShort)
        {
            reasons.Add($"{_thresholds.FreeDisk(_reading)} octets of disk are free, {_thresholds.MinFreeDisk} wanted");
        }

        if (_level.IsProcessShort)
        {
            reasons.Add(
                $"the process holds {_reading.ProcessMemory} octets of memory, {_thresholds.ProcessMemory(_reading)} allowed");
        }

        if (_level.IsMemoryShort)
        {
            var memory = Tightest(_reading);
            reasons.Add($"{memory.Used} of {memory.Limit} octets of the container's or machine's memory are used");
        }

        return string.Join("; ", reasons);
    }

    /// <summary>The one nearest to its limit.</summary>
    private static MemoryUse Tightest(ResourceReading reading) =>
        reading.Memories.MaxBy(memory => (double)memory.Used / memory.Limit);

    private void Observe(Meter meter)
    {
        meter.CreateObservableGauge(
            "mailcluster.resource.disk.free", () => Known(_thresholds.FreeDisk(_reading)), "By",
            "Free for the store: of the data directory's file system, and pages of its own that count.");
        meter.CreateObservableGauge("mailcluster.resource.memory.used", Used, "By",
            "Memory in use: of the process, and of the container or machine around it that is nearest to its limit.");
        meter.CreateObservableGauge(
            "mailcluster.resource.memory.limit", Allowed, "By", "Above which new mail is refused, of the same.");
        meter.CreateObservableGauge(
            "mailcluster.resource.short", Short, "1", "1 while new mail is refused for want of it.");
    }

    private static IEnumerable<Measurement<long>> Known(long? octets) =>
        octets is { } known ? [new Measurement<long>(known)] : [];

    private IEnumerable<Measurement<long>> Used()
    {
        var reading = _reading;
        return [.. Scoped("process", reading.ProcessMemory),
            .. Scoped("whole", reading.Memories.IsEmpty ? null : Tightest(reading).Used)];
    }

    private IEnumerable<Measurement<long>> Allowed()
    {
        var reading = _reading;
        return [.. Scoped("process", _thresholds.ProcessMemory(reading)),
            .. Scoped("whole", reading.Memories.IsEmpty ? null : ResourceThresholds.WholeMemory(Tightest(reading)))];
    }

    private IEnumerable<Measurement<long>> Short()
    {
        var level = _level;
        return [new(level.IsDiskShort ? 1 : 0, new KeyValuePair<string, object?>("resource", "disk")),
            new(level.IsProcessShort || level.IsMemoryShort ? 1 : 0,
                new KeyValuePair<string, object?>("resource", "memory"))];
    }

    private static IEnumerable<Measurement<long>> Scoped(string scope, long? octets) => octets is { } known
        ? [new Measurement<long>(known, new KeyValuePair<string, object?>("scope", scope))] : [];
}
