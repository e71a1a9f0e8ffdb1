using System.Globalization;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Measuring;

/// <summary>Processor time and memory of the nodes, from their /metrics.</summary>
internal sealed class ServerWatch : IDisposable
{
    private readonly List<AdminApi> _nodes = [];
    private readonly List<double> _cpuBefore = [];
    private long _before;

    public ServerWatch(IEnumerable<Target> targets)
    {
        foreach (var target in targets.Where(target => target.Admin is not null))
        {
            _nodes.Add(new AdminApi(target.Admin!, null));
            _cpuBefore.Add(double.NaN);
        }
    }

    /// <summary>Cores used by all nodes since the last call, NaN when none said; octets resident.</summary>
    public async Task<(double Cores, long Memory)> ReadAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        var elapsed = time.GetElapsedTime(_before, now).TotalSeconds;
        var isFirst = _before == 0;
        _before = now;
        var cores = double.NaN;
        long memory = 0;
        for (var node = 0; node < _nodes.Count; node++)
        {
            var text = await _nodes[node].MetricsAsync(cancellationToken);
            var cpu = text is null ? double.NaN : Find(text, "process_cpu_seconds_total");
            var used = cpu - _cpuBefore[node];
            _cpuBefore[node] = cpu;
            if (!isFirst && used >= 0) // a node that was started again begins anew
            {
                cores = (double.IsNaN(cores) ? 0 : cores) + (used / elapsed);
            }

            var resident = text is null ? double.NaN : Find(text, "process_resident_memory_bytes");
            memory += double.IsNaN(resident) ? 0 : (long)resident;
        }

        return (cores, memory);
    }

    public void Dispose()
    {
        foreach (var node in _nodes)
        {
            node.Dispose();
        }
    }

    /// <summary>The value of a metric without labels; NaN: it is not there.</summary>
    internal static double Find(string text, string name)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length
                && line[name.Length] is ' ' or '{'
                && double.TryParse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture, out var value))
            {
                return value;
            }
        }

        return double.NaN;
    }
}
