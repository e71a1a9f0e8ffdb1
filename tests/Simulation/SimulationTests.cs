using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace MailCluster.Simulation;

/// <summary>
/// A whole cluster, again and again, each time with other faults. A failing seed is printed with how to run it again;
/// MAILCLUSTER_SEEDS is how many are run.
/// </summary>
public sealed class SimulationTests
{
    private const int PlantedWithin = 1000;

    [Fact]
    public void What_is_promised_holds_whatever_goes_wrong()
    {
        var seeds = int.Parse(
            Environment.GetEnvironmentVariable("MAILCLUSTER_SEEDS") ?? "2000", CultureInfo.InvariantCulture);
        var summary = SeedRunner.Run(1, seeds, static seed => SimulationRun.Of(seed));
        TestContext.Current.SendDiagnosticMessage(summary.ToString());
        Assert.True(summary.Failures.IsEmpty, string.Join('\n', summary.Failures));
        Assert.Equal(seeds, summary.Seeds);

        // What never happens in so many runs is not tried by them.
        foreach (var kind in Enum.GetNames<Fault>())
        {
            Assert.True(seeds < 200 || summary.Totals[$"fault {kind}"] > seeds / 20, $"Hardly any {kind}.");
        }

        Assert.True(summary.Totals["delivered"] > 20 * seeds && summary.Totals["spooled"] > 10 * seeds);
        Assert.True(summary.Totals["removed"] > 5 * seeds && summary.Totals["refused"] > 2 * seeds);
    }

    [Fact]
    public async Task One_seed_is_one_run_in_every_process()
    {
        string[] traces = await Task.WhenAll(TracesAsync(), TracesAsync());
        Assert.Equal(20, traces[0].Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(traces[0], traces[1]);
    }

    [Theory]
    [InlineData("NoFence", "I3")]
    [InlineData("LeakedPermit", "I6")]
    [InlineData("SpoolClaimedTwice", "I2")]
    [InlineData("BodyTakenTwice", "I2")]
    public void A_planted_bug_is_found(string name, string invariant)
    {
        var planted = Enum.Parse<Planted>(name);
        var found = 0L;
        SeedRunner.Run(1, PlantedWithin, seed =>
        {
            if (Volatile.Read(ref found) != 0)
            {
                return RunResult.None(seed);
            }

            var result = SimulationRun.Of(seed, null, planted);

            // By the planted bug, so without it everything holds.
            if (result.Invariant == invariant && SimulationRun.Of(seed).Failure is null)
            {
                Interlocked.CompareExchange(ref found, (long)seed, 0);
            }

            return RunResult.None(seed);
        });
        Assert.True(found > 0, $"{name} is not found within {PlantedWithin} seeds.");
        TestContext.Current.SendDiagnosticMessage($"{name}: seed {found}");
    }

    private static async Task<string> TracesAsync()
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["--traces", "1", "20"])
        {
            RedirectStandardOutput = true,
        })!;
        var text = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return text;
    }
}
