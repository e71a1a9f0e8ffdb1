namespace MailCluster.Frontend.Tests.Observability;

/// <summary>A tree of files that looks like /proc and /sys.</summary>
internal sealed class FakeMemory : IDisposable
{
    private const string Mounts = """
        22 1 254:0 / / rw,relatime - ext4 /dev/root rw
        31 22 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:7 - cgroup cgroup rw,cpu
        """ + "\n";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("mailcluster-memory-");

    public FakeMemory()
    {
        Write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  100 kB\nMemAvailable:    4000000 kB\n");
        Process(kibibytes: 50_000);
        Write("proc/self/cgroup", "0::/\n");
        Write("proc/self/mountinfo", Mounts);
    }

    public string Root => _root.FullName;

    public void Dispose() => _root.Delete(recursive: true);

    public void Process(long kibibytes) =>
        Write("proc/self/status", $"Name:\tmailcluster\nVmPeak:\t 999999 kB\nVmRSS:\t  {kibibytes} kB\n");

    /// <summary>The machine's hierarchy of v2, mounted from <paramref name="from"/>.</summary>
    public void Second(string own, string from = "/")
    {
        Write("proc/self/cgroup", $"1:cpu:/elsewhere\n0::{own}\n");
        Write("proc/self/mountinfo", $"{Mounts}40 31 0:38 {from} /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    }

    /// <summary>As <see cref="Second"/>, of v1, with a v2 that has no memory beside it.</summary>
    public void First(string own, string from = "/")
    {
        Write("proc/self/cgroup", $"4:memory:{own}\n1:cpu,cpuacct:/elsewhere\n0::/unified\n");
        Write("proc/self/mountinfo", $"""
            {Mounts}35 31 0:32 {from} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            """ + "\n");
    }

    public void Write(string file, string text)
    {
        var path = Path.Combine(Root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
