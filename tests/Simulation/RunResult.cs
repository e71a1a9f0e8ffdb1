using System.Collections.Immutable;

namespace MailCluster.Simulation;

/// <param name="Failure">Null: everything held.</param>
/// <param name="Trace">Equal for equal runs.</param>
/// <param name="Counts">What happened, by name.</param>
internal sealed record RunResult(
    ulong Seed, Exception? Failure, ulong Trace, Plan Plan, ImmutableSortedDictionary<string, long> Counts)
{
    /// <summary>The invariant that broke; null: none did, or the run failed otherwise.</summary>
    public string? Invariant => (Failure as InvariantBrokenException)?.Invariant;

    /// <summary>Not run, as nobody needs to know any more.</summary>
    public static RunResult None(ulong seed) =>
        new(seed, null, 0, Plan.Draw(new Chance(seed)), ImmutableSortedDictionary<string, long>.Empty);

    public override string ToString()
    {
        var text = Failure switch
        {
            null => "held",
            InvariantBrokenException broken => $"BROKEN {broken.Message}",
            var other => $"FAILED {other}",
        };
        return $"seed {Seed}, trace {Trace:x16}: {text}\n  {Plan}\n"
            + $"  {string.Join(", ", Counts.Select(count => $"{count.Value} {count.Key}"))}\n"
            + $"  again: ./test.sh --seed {Seed}  or  MailCluster.Simulation --seed {Seed} --trace";
    }
}
