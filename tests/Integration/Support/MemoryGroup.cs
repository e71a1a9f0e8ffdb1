namespace MailCluster.Integration.Support;

/// <summary>A control group of the memory controller for one node, cgroup v1 or v2. Needs root.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private readonly string _folder;
    private readonly bool _isFirst;

    private MemoryGroup(string folder, bool isFirst) => (_folder, _isFirst) = (folder, isFirst);

    /// <summary>What a node is started by, to be in the group from its first octet on.</summary>
    public string[] Wrapper => ["sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", Path.Combine(_folder, "cgroup.procs")];

    /// <summary>Null, and the reason, where none can be made: in most containers, root or not.</summary>
    public static MemoryGroup? TryMake(long limit, out string problem)
    {
        bool isFirst = Directory.Exists("/sys/fs/cgroup/memory");
        string folder = Path.Combine(
            isFirst ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup", $"mailcluster-{Environment.ProcessId}");
        MemoryGroup group = new(folder, isFirst);
        try
        {
            Directory.CreateDirectory(folder);
            group.Limit(limit);
            problem = "";
            return group;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            group.Dispose();
            problem = exception.Message;
            return null;
        }
    }

    public void Limit(long octets) =>
        File.WriteAllText(Path.Combine(_folder, _isFirst ? "memory.limit_in_bytes" : "memory.max"), $"{octets}");

    public void Dispose() => Tool.Try("rmdir", null, _folder);
}
