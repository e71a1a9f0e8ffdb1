using System.Globalization;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Measuring;

/// <summary>Processor time and memory of the servers: from control groups where named, else /metrics.</summary>
internal sealed class ServerWatch : IDisposable
{
    /// <summary>Cores below which a server is taken to have nothing left to do.</summary>
    private const double RestMax = 0.03;

    /// <summary>Seconds on end that it has to be so.</summary>
    private const int RestSeconds = 2;

    private readonly List<AdminApi> _nodes = [];
    private readonly List<ProcessGroup> _groups = [];
    private readonly double[] _cpuBefore;
    private long _before;
    private bool _isKnown;
    private double _cpu;

    public ServerWatch(IEnumerable<Target> targets, IReadOnlyList<string> groups)
    {
        _groups.AddRange(groups.Select(ProcessGroup.Find));
        if (_groups.Count == 0)
        {
            _nodes.AddRange(targets.Where(target => target.Admin is not null)
                .Select(target => new AdminApi(target.Admin!, null)));
        }

        _cpuBefore = new double[_groups.Count + _nodes.Count];
        Array.Fill(_cpuBefore, double.NaN);
    }

    /// <summary>Seconds of processor time between the first and the last reading; NaN: none said.</summary>
    public double CpuSeconds => _isKnown ? _cpu : double.NaN;

    /// <summary>Cores used by all servers since the last call, NaN when none said; octets resident.</summary>
    public async Task<(double Cores, long Memory)> ReadAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        var elapsed = time.GetElapsedTime(_before, now).TotalSeconds;
        _before = now;
        var cores = double.NaN;
        long memory = 0;
        for (var index = 0; index < _cpuBefore.Length; index++)
        {
            double cpu;
            if (index < _groups.Count)
            {
                cpu = _groups[index].Cpu();
                memory += _groups[index].Memory();
            }
            else
            {
                var text = await _nodes[index - _groups.Count].MetricsAsync(cancellationToken) ?? "";
                cpu = Find(text, "process_cpu_seconds_total");
                var resident = Find(text, "process_resident_memory_bytes");
                memory += double.IsNaN(resident) ? 0 : (long)resident;
            }

            var used = cpu - _cpuBefore[index];
            _cpuBefore[index] = cpu;
            if (used >= 0) // a node that was started again begins anew
            {
                cores = (double.IsNaN(cores) ? 0 : cores) + (used / elapsed);
                _cpu += used;
                _isKnown = true;
            }
        }

        return (cores, memory);
    }

    /// <summary>
    /// With control groups: waits until the servers have nothing left to do, as one that still carries mail from its
    /// queue into mailboxes. What they do then is part of what the run cost.
    /// </summary>
    public async Task RestAsync(TimeProvider time, TimeSpan longest, CancellationToken cancellationToken)
    {
        if (_groups.Count == 0)
        {
            return;
        }

        cancellationToken.ThrowIfCancellationRequested();
        var begun = time.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        await ReadAsync(time, cancellationToken);
        for (var resting = 0; resting < RestSeconds && time.GetElapsedTime(begun) < longest;)
        {
            await timer.WaitForNextTickAsync(cancellationToken);
            resting = (await ReadAsync(time, cancellationToken)).Cores < RestMax ? resting + 1 : 0;
        }
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
