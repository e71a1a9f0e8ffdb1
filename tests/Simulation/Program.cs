using System.Globalization;
using Xunit.Runner.InProc.SystemConsole;

namespace MailCluster.Simulation;

/// <summary>
/// As a test project, or <c>--seeds N [--from S]</c>, <c>--seed S [--trace]</c>, <c>--traces FROM COUNT</c>,
/// <c>--planted BUG --seeds N</c>.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["--seeds", var count]:
                return Many(1, Number(count));
            case ["--seeds", var count, "--from", var from]:
                return Many((ulong)Number(from), Number(count));
            case ["--seed", var seed]:
                return One((ulong)Number(seed), null);
            case ["--seed", var seed, "--trace"]:
                return One((ulong)Number(seed), Console.Out);
            case ["--planted", var name, "--seeds", var count]:
                return Many(1, Number(count), Enum.Parse<Planted>(name));
            case ["--traces", var from, var count]:
                for (var i = 0; i < Number(count); i++)
                {
                    var seed = (ulong)(Number(from) + i);
                    Console.WriteLine($"{seed} {SimulationRun.Of(seed).Trace:x16}");
                }

                return 0;
            default:
                return await ConsoleRunner.Run(args);
        }
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static int One(ulong seed, TextWriter? trace)
    {
        var result = SimulationRun.Of(seed, trace);
        Console.WriteLine(result);
        return result.Failure is null ? 0 : 1;
    }

    private static int Many(ulong from, long count, Planted planted = Planted.None)
    {
        var summary = SeedRunner.Run(from, count, seed => SimulationRun.Of(seed, null, planted));
        foreach (var failure in summary.Failures)
        {
            Console.WriteLine(failure);
        }

        Console.WriteLine(summary);
        return summary.Failures.IsEmpty ? 0 : 1;
    }
}
