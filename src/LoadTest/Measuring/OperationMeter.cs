using System.Collections.Immutable;

namespace MailCluster.LoadTest.Measuring;

/// <summary>What the clients of one plan do: a message accepted, a session ended. Lives on the loop.</summary>
internal sealed class OperationMeter(string name)
{
    private const int ReasonsMax = 100;

    private readonly LatencyHistogram _second = new();
    private readonly LatencyHistogram _secondRefused = new();
    private readonly Dictionary<(Stage Stage, int Code, Loops.ConnectionEnd End), long> _reasons = [];
    private long _doneBefore;
    private long _failedBefore;
    private long _begunBefore;
    private long _octetsBefore;

    public string Name => name;

    public LatencyHistogram Latency { get; } = new();

    /// <summary>Arrivals, whether or not they could begin.</summary>
    public long Arrived { get; private set; }

    public long DoneCount { get; private set; }

    public long FailedCount { get; private set; }

    /// <summary>Arrivals that found as many operations open as the plan allows.</summary>
    public long NotBegun { get; private set; }

    public long Octets { get; private set; }

    public int InFlight { get; private set; }

    public void Arrive() => Arrived++;

    public void Begin() => InFlight++;

    public void RefuseToBegin() => NotBegun++;

    public void Done(long nanoseconds, long octets)
    {
        InFlight--;
        DoneCount++;
        Octets += octets;
        Latency.Record(nanoseconds);
        _second.Record(nanoseconds);
    }

    /// <param name="nanoseconds">
    /// Since it was to begin: how long a client waits for a no instead of the greeting.
    /// </param>
    public void Fail(Outcome outcome, long nanoseconds = 0)
    {
        InFlight--;
        FailedCount++;
        Note(outcome);
        if (outcome.IsTurnedAway && nanoseconds > 0)
        {
            _secondRefused.Record(nanoseconds);
        }
    }

    /// <summary>Counts a reason without an operation that failed by it.</summary>
    public void Note(Outcome outcome)
    {
        var key = (outcome.Stage, outcome.Code, outcome.End);
        if (_reasons.TryGetValue(key, out var count) || _reasons.Count < ReasonsMax)
        {
            _reasons[key] = count + 1;
        }
    }

    /// <summary>The run ends: what is open now will not be counted.</summary>
    public void Leave() => InFlight--;

    public IEnumerable<ReasonCount> Reasons => _reasons
        .Select(entry => new ReasonCount(
            name, entry.Key.Stage.ToString().ToUpperInvariant(),
            new Outcome(entry.Key.Stage, entry.Key.Code, entry.Key.End).Reason, entry.Value))
        .OrderByDescending(reason => reason.Count);

    /// <summary>What happened since the last call.</summary>
    public OperationSecond EndSecond()
    {
        var row = new OperationSecond(
            name, Arrived - _begunBefore, DoneCount - _doneBefore, FailedCount - _failedBefore, InFlight,
            Octets - _octetsBefore, _second.Percentile(0.5), _second.Percentile(0.99), _second.Max)
        {
            Refused = _secondRefused.Count,
            RefusedP99 = _secondRefused.Percentile(0.99),
            RefusedMax = _secondRefused.Max,
            Latencies = [.. _second.Recorded()],
        };
        _doneBefore = DoneCount;
        _failedBefore = FailedCount;
        _begunBefore = Arrived;
        _octetsBefore = Octets;
        _second.Clear();
        _secondRefused.Clear();
        return row;
    }
}

/// <param name="Reason">Reply code, -ERR, or what happened to the connection.</param>
public readonly record struct ReasonCount(string Client, string Stage, string Reason, long Count);

/// <param name="P50">Microseconds.</param>
/// <param name="P99">Microseconds.</param>
/// <param name="Max">Microseconds.</param>
public readonly record struct OperationSecond(
    string Client, long Arrived, long Done, long Failed, int InFlight, long Octets, long P50, long P99, long Max)
{
    /// <summary>Of those that were done: so that percentiles of any stretch of a run can be had.</summary>
    public ImmutableArray<(long UpTo, long Count)> Latencies { get; init; }

    /// <summary>Of those that failed: refused instead of greeted.</summary>
    public long Refused { get; init; }

    /// <summary>Microseconds from the wish to begin to the refusal.</summary>
    public long RefusedP99 { get; init; }

    /// <summary>Microseconds.</summary>
    public long RefusedMax { get; init; }
}

/// <summary>One second of a run.</summary>
/// <param name="At">Seconds since its beginning.</param>
/// <param name="Busy">Processor time of the generator: 1 is all of a core, and its loop has only one.</param>
/// <param name="Lag">Microseconds that the latest arrival of the second was begun behind its time.</param>
/// <param name="ServerCpu">Cores that the servers used; NaN: not known.</param>
/// <param name="ServerMemory">Octets resident; 0: not known.</param>
public sealed record RunSecond(
    double At, IReadOnlyList<OperationSecond> Operations, int OpenConnections, double Busy, long Lag,
    double ServerCpu, long ServerMemory);
