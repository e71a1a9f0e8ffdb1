using MailCluster.Frontend.Observability;
using MailCluster.Shared.Limits;
using Xunit;

namespace MailCluster.Frontend.Tests.Observability;

public sealed class MemoryFilesTests : IDisposable
{
    private const string GroupOfSecond = "sys/fs/cgroup/system.slice/mail.scope";
    private const string GroupOfFirst = "sys/fs/cgroup/memory/mail";
    private static readonly MemoryUse Machine = new(12_000_000L * 1024, 16_000_000L * 1024);

    private readonly FakeMemory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Without_a_control_group_the_machine_is_the_bound()
    {
        var memory = new MemoryFiles(_files.Root);

        Assert.Equal(Machine, Assert.Single(memory.ReadBounds()));
        Assert.Equal(50_000 * 1024, memory.ReadProcess());
    }

    [Fact]
    public void A_group_of_version_2_counts_what_is_not_cache_of_files()
    {
        _files.Second("/system.slice/mail.scope");
        _files.Write($"{GroupOfSecond}/memory.max", "1000000\n");
        _files.Write($"{GroupOfSecond}/memory.current", "900000\n");
        _files.Write($"{GroupOfSecond}/memory.stat", "anon 100\nfile 500\ninactive_file 200000\nactive_file 50000\n");

        Assert.Equal([new(650_000, 1_000_000), Machine], new MemoryFiles(_files.Root).ReadBounds());
    }

    [Fact]
    public void A_group_of_version_1_counts_those_below_it_as_well()
    {
        _files.First("/mail");
        _files.Write($"{GroupOfFirst}/memory.limit_in_bytes", "1000000\n");
        _files.Write($"{GroupOfFirst}/memory.usage_in_bytes", "900000\n");
        _files.Write(
            $"{GroupOfFirst}/memory.stat",
            "inactive_file 1\nactive_file 2\ntotal_inactive_file 200000\ntotal_active_file 1\n");
        _files.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        Assert.Equal([new(699_999, 1_000_000), Machine], new MemoryFiles(_files.Root).ReadBounds());
    }

    [Fact]
    public void Groups_around_the_own_one_count_and_none_means_none()
    {
        _files.Second("/system.slice/mail.scope");
        _files.Write($"{GroupOfSecond}/memory.max", "max\n");
        _files.Write("sys/fs/cgroup/system.slice/memory.max", "3000000\n");
        _files.Write("sys/fs/cgroup/system.slice/memory.current", "1000000\n");
        _files.Write("sys/fs/cgroup/system.slice/memory.stat", "anon 1\ninactive_file 0\nactive_file 0\n");

        Assert.Equal([new(1_000_000, 3_000_000), Machine], new MemoryFiles(_files.Root).ReadBounds());
    }

    [Theory]
    [InlineData("/docker/4711", "/docker/4711")] // version 1 shows a container its path from outside
    [InlineData("/", "/")] // a name space of its own
    [InlineData("/../../elsewhere", "/docker/4711")]
    public void In_a_container_the_mount_is_the_group(string own, string from)
    {
        _files.Second(own, from);
        _files.Write("sys/fs/cgroup/memory.max", "2000000\n");
        _files.Write("sys/fs/cgroup/memory.current", "1000000\n");
        _files.Write("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 0\nactive_file 0\n");

        Assert.Equal([new(1_000_000, 2_000_000), Machine], new MemoryFiles(_files.Root).ReadBounds());
    }

    [Fact]
    public void This_machine_can_be_read()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc is Linux's");
        var memory = new MemoryFiles();

        Assert.InRange(memory.ReadProcess(), 1024 * 1024, memory.ReadBounds().Max(bound => bound.Limit));
        Assert.All(memory.ReadBounds(), bound => Assert.InRange(bound.Used, 0, bound.Limit));
    }
}
