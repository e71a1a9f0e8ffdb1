using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace MailCluster.Testing;

/// <summary>A program of several processes that is sent signals as one: a parent and its children.</summary>
internal static partial class ServerProcess
{
    public const int SignalHangUp = 1;
    public const int SignalInterrupt = 2;
    public const int SignalKill = 9;
    public const int SignalContinue = 18;
    public const int SignalStop = 19;

    public static void Signal(int process, int signal) => _ = Kill(process, signal);

    /// <summary>The parent first, so that it neither replaces nor mourns a child.</summary>
    public static void SignalAll(int parent, int signal)
    {
        if (signal != SignalContinue)
        {
            _ = Kill(parent, SignalStop);
        }

        foreach (var child in Children(parent))
        {
            _ = Kill(child, signal);
        }

        _ = Kill(parent, signal);
    }

    public static bool IsAlive(int process) => Directory.Exists($"/proc/{process}") && State(process) is not 'Z';

    public static List<int> Children(int parent)
    {
        var children = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var process) &&
                Stat(process) is { Length: > 1 } stat &&
                int.Parse(stat[1], CultureInfo.InvariantCulture) == parent)
            {
                children.Add(process);
            }
        }

        return children;
    }

    /// <summary>Runs to its end. Throws with what it printed when it fails.</summary>
    public static string Run(string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)}: {output}{error.GetAwaiter().GetResult()}");
    }

    private static char? State(int process) => Stat(process) is [{ Length: 1 } state, ..] ? state[0] : null;

    /// <summary>From the state on: what stands before it, the name in parentheses, may hold anything.</summary>
    private static string[]? Stat(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
