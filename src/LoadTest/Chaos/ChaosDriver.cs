using System.Diagnostics;
using System.Globalization;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Chaos;

/// <summary>Hurts the processes of local nodes, in turn, and starts them again.</summary>
internal sealed class ChaosDriver(
    ChaosPlan plan, IReadOnlyList<string> readyFiles, string? restart, string? partition, string log, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestStart = TimeSpan.FromSeconds(90);

    private int _next;

    /// <param name="happened">Gets a line for each thing that was done.</param>
    /// <param name="replaced">A node serves again, maybe at other ports.</param>
    public async Task RunAsync(
        Action<string> happened, Action<int, Target> replaced, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        foreach (var one in plan.Events)
        {
            var left = one.At - time.GetElapsedTime(begun);
            if (left > TimeSpan.Zero)
            {
                await Task.Delay(left, time, cancellationToken);
            }

            var node = _next++ % readyFiles.Count;
            switch (one.Kind)
            {
                case ChaosKind.Kill:
                    await KillAsync(node, happened, replaced, cancellationToken);
                    break;
                case ChaosKind.Pause:
                    var process = ReadyFile.Read(readyFiles[node]).ProcessId;
                    Signal(process, Libc.SignalStop);
                    happened($"node {node + 1} (process {process}) was stopped for {DurationText.Say(one.For)}");
                    try
                    {
                        await Task.Delay(one.For, time, cancellationToken);
                    }
                    finally
                    {
                        Signal(process, Libc.SignalContinue);
                    }

                    happened($"node {node + 1} goes on");
                    break;
                default:
                    await PartitionAsync(node, "cut", cancellationToken);
                    happened($"node {node + 1} was cut off for {DurationText.Say(one.For)}");
                    try
                    {
                        await Task.Delay(one.For, time, cancellationToken);
                    }
                    finally
                    {
                        await PartitionAsync(node, "heal", CancellationToken.None);
                    }

                    happened($"node {node + 1} is connected again");
                    break;
            }
        }
    }

    private async Task KillAsync(
        int node, Action<string> happened, Action<int, Target> replaced, CancellationToken cancellationToken)
    {
        var file = readyFiles[node];
        var process = ReadyFile.Read(file).ProcessId;
        // Removed before, since what was killed cannot: the next one that is there is of the next process.
        File.Delete(file);
        Signal(process, Libc.SignalKill);
        happened($"node {node + 1} (process {process}) was killed");
        while (IsAlive(process))
        {
            await Task.Delay(Poll, time, cancellationToken);
        }

        if (restart is not null)
        {
            Start($"{{ {restart}; }} >>'{log}' 2>&1", file, node + 1).Dispose();
        }

        var begun = time.GetTimestamp();
        ReadyFile? ready;
        while ((ready = ReadyFile.TryRead(file)) is null)
        {
            if (time.GetElapsedTime(begun) > LongestStart)
            {
                throw new LoadFaultException(restart is null
                    ? $"Nobody started the killed node again within {LongestStart.TotalSeconds} s: give --restart, a command that does."
                    : $"The killed node did not come back within {LongestStart.TotalSeconds} s; what it said is in {log}.");
            }

            await Task.Delay(Poll, time, cancellationToken);
        }

        replaced(node, ready.Target);
        happened(System.FormattableString.Invariant(
            $"node {node + 1} (process {ready.ProcessId}) serves again, after {time.GetElapsedTime(begun).TotalSeconds:0.0} s"));
    }

    private async Task PartitionAsync(int node, string what, CancellationToken cancellationToken)
    {
        var command = $"{partition} '{readyFiles[node]}' {what}";
        using var process = Start($"{command} >>'{log}' 2>&1", readyFiles[node], node + 1);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new LoadFaultException($"\"{command}\" ended with {process.ExitCode}; what it said is in {log}.");
        }
    }

    /// <summary>A command of the shell; READY_FILE and NODE (from 1 on) tell it which node it is about.</summary>
    private static Process Start(string command, string readyFile, int node)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]);
        start.Environment["READY_FILE"] = Path.GetFullPath(readyFile);
        start.Environment["NODE"] = node.ToString(CultureInfo.InvariantCulture);
        return Process.Start(start) ?? throw new LoadFaultException($"\"{command}\" cannot be started.");
    }

    private static void Signal(int process, int signal)
    {
        if (process <= 1 || Libc.Kill(process, signal) != 0)
        {
            throw new LoadFaultException(
                $"Process {process} of the ready file cannot be signalled: it is gone, or belongs to somebody else.");
        }
    }

    /// <summary>A zombie, whose parent has not looked yet, has let go of everything.</summary>
    private static bool IsAlive(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
