using System.Collections.Immutable;
using MailCluster.Shared.Limits;

namespace MailCluster.Frontend.Observability;

/// <summary>Memory as Linux tells it: /proc of the process and of the machine, and its control groups.</summary>
internal sealed class MemoryFiles
{
    private readonly FigureFile _status;
    private readonly FigureFile _machine;
    private readonly ImmutableArray<ControlGroup> _groups;

    /// <param name="root">Where /proc and /sys are; another one in tests.</param>
    /// <exception cref="IOException">/proc is not what it should be.</exception>
    public MemoryFiles(string root = "/")
    {
        _status = new(Path.Combine(root, "proc/self/status"));
        _machine = new(Path.Combine(root, "proc/meminfo"));
        _groups = ControlGroup.Find(root);
    }

    /// <summary>Resident set of this process, octets.</summary>
    public long ReadProcess() => _status.Read().Number("VmRSS:"u8) * 1024;

    /// <summary>Every group with a limit of its own, from the process's own upwards, and the machine.</summary>
    public ImmutableArray<MemoryUse> ReadBounds()
    {
        var total = _machine.Read().Number("MemTotal:"u8) * 1024;
        var bounds = ImmutableArray.CreateBuilder<MemoryUse>(_groups.Length + 1);
        foreach (var group in _groups)
        {
            // Beyond the machine it is no limit: cgroup v1 writes "none" as a number near 2^63.
            if (group.ReadLimit() is { } limit && limit < total)
            {
                bounds.Add(new(group.ReadUsed(), limit));
            }
        }

        bounds.Add(new(total - (_machine.Number("MemAvailable:"u8) * 1024), total));
        return bounds.DrainToImmutable();
    }
}
