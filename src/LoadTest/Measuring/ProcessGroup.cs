using System.Globalization;

namespace MailCluster.LoadTest.Measuring;

/// <summary>
/// All processes of a server that has no /metrics, as a control group of Linux counts them: what has ended is in its
/// processor time. Version 1 (cpuacct) and version 2.
/// </summary>
internal sealed class ProcessGroup
{
    private const string Mounts = "/proc/mounts";

    /// <summary>Kernels walk all pages of a process for its share of memory, so it is asked for less often.</summary>
    private const int ReadsForMemory = 5;

    private readonly string _folder;
    private readonly bool _isVersion1;
    private int _reads;
    private long _memory;

    private ProcessGroup(string folder, bool isVersion1)
    {
        _folder = folder;
        _isVersion1 = isVersion1;
    }

    /// <param name="name">Below the root of the hierarchy, as "mail" or "system.slice/postfix.service".</param>
    public static ProcessGroup Find(string name)
    {
        var mounts = File.Exists(Mounts)
            ? File.ReadLines(Mounts).Select(line => line.Split(' ')).Where(words => words.Length > 3).ToArray() : [];
        var places = mounts
            .Where(words => words[2] == "cgroup" && words[3].Split(',').Contains("cpuacct"))
            .Select(words => new ProcessGroup(Path.Combine(words[1], name.Trim('/')), true))
            .Concat(mounts.Where(words => words[2] == "cgroup2")
                .Select(words => new ProcessGroup(Path.Combine(words[1], name.Trim('/')), false)));
        return name.Trim('/').Length == 0 || name.Split('/').Contains("..")
            ? throw new LoadFaultException($"--cgroup: \"{name}\" is no name of a control group.")
            : places.FirstOrDefault(group => !double.IsNaN(group.Cpu())) ?? throw new LoadFaultException(
                $"--cgroup: no control group {name} counts processor time here. Start the server within it (benchmarks/load/cgrun.sh {name} 0 COMMAND), or leave the option out.");
    }

    /// <summary>Seconds of all its processes since it was made; NaN: it is not there.</summary>
    public double Cpu()
    {
        try
        {
            if (_isVersion1)
            {
                return long.Parse(
                    File.ReadAllText(Path.Combine(_folder, "cpuacct.usage")), CultureInfo.InvariantCulture) / 1e9;
            }

            var usage = File.ReadLines(Path.Combine(_folder, "cpu.stat"))
                .First(line => line.StartsWith("usage_usec ", StringComparison.Ordinal));
            return long.Parse(usage.AsSpan("usage_usec ".Length), CultureInfo.InvariantCulture) / 1e6;
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or FormatException)
        {
            return double.NaN;
        }
    }

    /// <summary>Octets resident; a page that several processes map is counted once. Some seconds old.</summary>
    public long Memory()
    {
        if (_reads++ % ReadsForMemory == 0)
        {
            try
            {
                _memory = File.ReadLines(Path.Combine(_folder, "cgroup.procs")).Sum(MemoryOf);
            }
            catch (IOException)
            {
                _memory = 0;
            }
        }

        return _memory;
    }

    private static long MemoryOf(string process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/smaps_rollup")
                .First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return long.Parse(words[1], CultureInfo.InvariantCulture) * 1024;
        }
        catch (Exception exception) when (
            exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return 0; // it has ended meanwhile, or is not ours to look at
        }
    }
}
