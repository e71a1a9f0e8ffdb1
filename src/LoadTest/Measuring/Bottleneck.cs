using System.Globalization;

namespace MailCluster.LoadTest.Measuring;

/// <summary>
/// Says when figures are about the generator and not about the server: its core had no rest, arrivals were begun
/// late, it ran out of ports or descriptors, or a plan's own bound was reached.
/// </summary>
internal static class Bottleneck
{
    /// <summary>Of a core, from which on what is ready waits for the loop, which has no second one.</summary>
    public const double BusyMax = 0.9;

    /// <summary>Microseconds behind its time.</summary>
    public const long LagMax = 20_000;

    /// <summary>Seconds of each kind that are put down to chance: a garbage collection, another process.</summary>
    private const double ShareOfSeconds = 0.05;

    public static List<string> Find(
        IReadOnlyList<RunSecond> seconds, IReadOnlyList<OperationTotal> operations, IReadOnlyList<ReasonCount> reasons)
    {
        var found = new List<string>();
        var chance = Math.Max(1, seconds.Count * ShareOfSeconds);
        var busy = seconds.Count(second => second.Busy > BusyMax);
        if (busy > chance)
        {
            found.Add(Invariant(
                $"The generator was the bottleneck: in {busy} of {seconds.Count} seconds it used more than {BusyMax * 100:0} % of its core, so latencies are its own. Lower the rate, or run several with a part each."));
        }

        var late = seconds.Count(second => second.Lag > LagMax);
        if (late > chance)
        {
            found.Add(Invariant(
                $"The generator began arrivals up to {seconds.Max(second => second.Lag) / 1000.0:0} ms late, by more than {LagMax / 1000} ms in {late} of {seconds.Count} seconds: its processor was taken by others, or it was too slow."));
        }

        foreach (var operation in operations.Where(operation => operation.NotBegun > 0))
        {
            found.Add(Invariant(
                $"{operation.NotBegun:N0} of {operation.Arrived:N0} arrivals of {operation.Client} did not begin, because \"inFlightMax\" of its operations were open already."));
        }

        var own = reasons.Where(reason => reason.Reason.EndsWith(" here", StringComparison.Ordinal)
            && reason.Reason.StartsWith("no free", StringComparison.Ordinal)).Sum(reason => reason.Count);
        if (own > 0)
        {
            found.Add(Invariant(
                $"{own:N0} connections were not made for want of ports or descriptors of the generator: more \"addresses\" of \"sources\", or a higher ulimit -n."));
        }

        return found;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
