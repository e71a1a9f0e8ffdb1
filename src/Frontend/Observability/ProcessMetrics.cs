using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>The process itself under the names that Prometheus client libraries use, read at each scrape.</summary>
internal static class ProcessMetrics
{
    private static readonly double StartSeconds = StartTime();

    /// <summary>Name, kind, text and source of each, for the endpoint and for the documentation.</summary>
    public static readonly (string Name, MetricKind Kind, string Help, Func<double> Read)[] Singles =
    [
        ("process_cpu_seconds_total", MetricKind.Counter, "User and system CPU time spent.",
            () => Environment.CpuUsage.TotalTime.TotalSeconds),
        ("process_resident_memory_bytes", MetricKind.Gauge, "Resident memory.", () => Environment.WorkingSet),
        ("process_start_time_seconds", MetricKind.Gauge, "Start of the process since the Unix epoch.", () =>
            StartSeconds),
        ("process_open_fds", MetricKind.Gauge, "Open file descriptors.", OpenFiles),
        ("process_max_fds", MetricKind.Gauge, "Limit of open file descriptors.", MaxFiles),
        ("process_threads", MetricKind.Gauge, "Threads of the process.", Threads),
        ("dotnet_gc_heap_size_bytes", MetricKind.Gauge, "Managed heap after the last collection.",
            () => GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes),
        ("dotnet_gc_committed_bytes", MetricKind.Gauge, "Memory that the collector has committed.",
            () => GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes),
        ("dotnet_gc_allocated_bytes_total", MetricKind.Counter, "Managed memory ever allocated.",
            () => GC.GetTotalAllocatedBytes()),
        ("dotnet_gc_pause_seconds_total", MetricKind.Counter, "Time in which the collector held all threads.",
            () => GC.GetTotalPauseDuration().TotalSeconds),
        ("dotnet_threadpool_threads", MetricKind.Gauge, "Threads of the thread pool.", () => ThreadPool.ThreadCount),
        ("dotnet_threadpool_queue_length", MetricKind.Gauge, "Work items that wait for a thread.", () =>
            ThreadPool.PendingWorkItemCount),
        ("dotnet_threadpool_completed_items_total", MetricKind.Counter, "Work items done.", () =>
            ThreadPool.CompletedWorkItemCount),
        ("dotnet_monitor_lock_contention_total", MetricKind.Counter, "Times a thread waited for a lock.", () =>
            Monitor.LockContentionCount),
    ];

    public const string Collections = "dotnet_gc_collections_total";

    public const string CollectionsHelp = "Collections, by generation.";

    public const string Build = "mailcluster_build_info";

    public const string BuildHelp = "Always 1; the version is in the label.";

    public static void Write(StringBuilder output)
    {
        foreach (var (name, kind, help, read) in Singles)
        {
            PrometheusText.Single(output, name, help, kind, read());
        }

        PrometheusText.Header(output, Collections, CollectionsHelp, MetricKind.Counter);
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            // A collection of an older generation counts as one of the younger too; take that out again.
            var older = generation < GC.MaxGeneration ? GC.CollectionCount(generation + 1) : 0;
            PrometheusText.Sample(
                output, Collections, string.Create(CultureInfo.InvariantCulture, $"generation=\"{generation}\""),
                GC.CollectionCount(generation) - older);
        }

        PrometheusText.Header(output, Build, BuildHelp, MetricKind.Gauge);
        PrometheusText.Sample(output, Build, $"version=\"{ProgramVersion.Text}\"", 1);
    }

    private static double StartTime()
    {
        using var process = Process.GetCurrentProcess();
        return new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0;
    }

    private static double Threads()
    {
        using var process = Process.GetCurrentProcess();
        return process.Threads.Count;
    }

    private static double OpenFiles()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        }
        catch (IOException)
        {
            return double.NaN;
        }
    }

    private static double MaxFiles()
    {
        try
        {
            var line = File.ReadLines("/proc/self/limits")
                .FirstOrDefault(one => one.StartsWith("Max open files", StringComparison.Ordinal), "");
            return line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, var soft, ..]
                && double.TryParse(soft, CultureInfo.InvariantCulture, out var limit) ? limit : double.PositiveInfinity;
        }
        catch (IOException)
        {
            return double.NaN;
        }
    }
}
