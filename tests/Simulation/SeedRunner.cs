using System.Collections.Immutable;
using System.Globalization;

namespace MailCluster.Simulation;

/// <param name="Failures">In the order of their seeds; at most <see cref="SeedRunner.FailuresMax"/>.</param>
/// <param name="Totals">What happened in all runs, by name.</param>
internal sealed record SeedSummary(
    long Seeds, ImmutableArray<RunResult> Failures, ImmutableSortedDictionary<string, long> Totals, TimeSpan Took)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Seeds} seeds in {Took.TotalSeconds:0.0} s, {Failures.Length} failed: "
        + $"{string.Join(", ", Totals.Select(total => $"{total.Value} {total.Key}"))}");
}

/// <summary>Seeds in parallel, each run on one thread.</summary>
internal static class SeedRunner
{
    /// <summary>After so many there is nothing more to be learned from further seeds.</summary>
    public const int FailuresMax = 10;

    public static SeedSummary Run(ulong from, long count, Func<ulong, RunResult> run)
    {
        var since = TimeProvider.System.GetTimestamp();
        var gate = new Lock();
        var failures = new List<RunResult>();
        var totals = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var next = 0L;
        var done = 0L;
        void Work()
        {
            while (true)
            {
                var number = Interlocked.Increment(ref next) - 1;
                if (number >= count || Volatile.Read(ref failures).Count >= FailuresMax)
                {
                    return;
                }

                var result = run(from + (ulong)number);
                lock (gate)
                {
                    done++;
                    if (result.Failure is not null)
                    {
                        failures.Add(result);
                    }

                    foreach (var (name, value) in result.Counts)
                    {
                        totals[name] = totals.GetValueOrDefault(name) + value;
                    }
                }
            }
        }

        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work)).ToArray();
        foreach (var thread in threads)
        {
            thread.Start();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        return new SeedSummary(
            done,
            [.. failures.OrderBy(failure => failure.Seed)],
            totals.ToImmutableSortedDictionary(StringComparer.Ordinal),
            TimeProvider.System.GetElapsedTime(since));
    }
}
