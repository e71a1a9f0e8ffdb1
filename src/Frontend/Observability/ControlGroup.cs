using System.Collections.Immutable;
using System.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>
/// One directory of the memory controller: cgroup v1 (Documentation/admin-guide/cgroup-v1/memory.rst) or v2
/// (cgroup-v2.rst).
/// </summary>
internal sealed class ControlGroup
{
    private static readonly Layout First = new(
        "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file");

    private static readonly Layout Second = new("memory.max", "memory.current", "inactive_file", "active_file");

    private readonly FigureFile _limit;
    private readonly FigureFile _used;
    private readonly FigureFile _statistics;
    private readonly byte[] _inactive;
    private readonly byte[] _active;

    private ControlGroup(string directory, Layout layout)
    {
        _limit = new(Path.Combine(directory, layout.Limit));
        _used = new(Path.Combine(directory, layout.Used));
        _statistics = new(Path.Combine(directory, "memory.stat"));
        _inactive = Encoding.ASCII.GetBytes(layout.Inactive);
        _active = Encoding.ASCII.GetBytes(layout.Active);
    }

    /// <param name="Inactive">
    /// With <paramref name="Active"/> the pages of files, which the kernel drops when it needs room: counted as used, a
    /// store larger than the container would look short of memory just because it was read.
    /// </param>
    private sealed record Layout(string Limit, string Used, string Inactive, string Active);

    /// <summary>
    /// The group of this process and those around it as far as they can be seen; none when it has none.
    /// </summary>
    /// <exception cref="IOException">/proc/self has neither of the two files.</exception>
    public static ImmutableArray<ControlGroup> Find(string root)
    {
        // "4:memory:/path" is v1, "0::/path" v2. A controller is in one of the two hierarchies: v1 where it is named.
        string? own = null;
        var layout = Second;
        foreach (var line in File.ReadLines(Path.Combine(root, "proc/self/cgroup")))
        {
            var parts = line.Split(':', 3);
            if (parts is [_, var controllers, var path] && controllers.Split(',').Contains("memory"))
            {
                (own, layout) = (path, First);
                break;
            }

            if (parts is ["0", "", var unified])
            {
                own = unified;
            }
        }

        return own is not null && Mount(root, layout) is var (from, at) ? Climb(root, from, at, own, layout) : [];
    }

    /// <summary>Null: none is set at this level. The topmost group of v2 has no such file.</summary>
    public long? ReadLimit() => _limit.Exists ? _limit.Read().Number() : null;

    /// <summary>Octets that cannot be had back by dropping pages of files.</summary>
    /// <exception cref="IOException">The group is gone or is not what it should be.</exception>
    public long ReadUsed()
    {
        var used = _used.Read().Number() ?? throw new IOException("the use of memory is not a number");
        _statistics.Read();
        return Math.Max(used - _statistics.Number(_inactive) - _statistics.Number(_active), 0);
    }

    /// <summary>
    /// proc(5): "36 35 98:0 /from /at rw,noatime master:1 - cgroup cgroup rw,memory". Octal escapes stand for blanks.
    /// </summary>
    private static (string From, string At)? Mount(string root, Layout layout)
    {
        foreach (var line in File.ReadLines(Path.Combine(root, "proc/self/mountinfo")))
        {
            var halves = line.Split(" - ", 2);
            if (halves.Length == 2 && halves[0].Split(' ') is [_, _, _, var from, var at, ..]
                && halves[1].Split(' ') is [var kind, _, var options]
                && (layout == Second ? kind == "cgroup2" : kind == "cgroup" && options.Split(',').Contains("memory")))
            {
                return (from, at.Replace("\\040", " ", StringComparison.Ordinal));
            }
        }

        return null;
    }

    private static ImmutableArray<ControlGroup> Climb(string root, string from, string at, string own, Layout layout)
    {
        var top = Path.Join(root, at);
        // In a container the mount begins at its own group, whose path from outside nobody can follow here.
        var below = from == "/" ? own
            : own.StartsWith(from + "/", StringComparison.Ordinal) ? own[from.Length..] : "/";
        var groups = ImmutableArray.CreateBuilder<ControlGroup>();
        for (; below.Length > 1; below = below[..below.LastIndexOf('/')])
        {
            var directory = Path.Join(top, below);
            if (Directory.Exists(directory))
            {
                groups.Add(new ControlGroup(directory, layout));
            }
        }

        groups.Add(new ControlGroup(top, layout));
        return groups.DrainToImmutable();
    }
}
