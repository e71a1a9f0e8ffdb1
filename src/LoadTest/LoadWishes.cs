using MailCluster.LoadTest.Chaos;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest;

/// <summary>A run as somebody wants it.</summary>
public sealed record LoadWishes
{
    public required Scenario Scenario { get; init; }

    /// <summary>A file that is not there yet.</summary>
    public required string LedgerPath { get; init; }

    /// <summary>Of the nodes' admin API; null: users cannot be made and the spool is not looked at.</summary>
    public string? AdminToken { get; init; }

    /// <summary>One for each target, in their order: they say where the nodes listen, also after a restart.</summary>
    public IReadOnlyList<string> ReadyFiles { get; init; } = [];

    public ChaosPlan Chaos { get; init; } = new([]);

    /// <summary>A command of the shell that starts a killed node again: NODE (from 1 on), READY_FILE.</summary>
    public string? Restart { get; init; }

    /// <summary>A command that gets a ready file and "cut" or "heal".</summary>
    public string? Partition { get; init; }

    /// <summary>How long operations may go on after the last arrival.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Control groups that the servers' processes are in: their processor time and memory instead of /metrics.
    /// </summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>How long missing messages may be on their way into mailboxes without one that comes there.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromSeconds(30);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets each second as it ends, from another thread than the caller's.</summary>
    public Action<RunSecond>? Second { get; init; }

    /// <summary>Gets what happens beside the clients: users made, nodes killed.</summary>
    public Action<string>? Happened { get; init; }
}

/// <summary>What a run came to.</summary>
public sealed record LoadResult
{
    public required Scenario Scenario { get; init; }

    public required string Run { get; init; }

    public required string LedgerPath { get; init; }

    public required IReadOnlyList<OperationTotal> Operations { get; init; }

    public required IReadOnlyList<ReasonCount> Reasons { get; init; }

    public required IReadOnlyList<RunSecond> Seconds { get; init; }

    public required IReadOnlyList<(double At, string Text)> Happenings { get; init; }

    /// <summary>What in the generator held the load back; empty: nothing did.</summary>
    public required IReadOnlyList<string> Bottlenecks { get; init; }

    /// <summary>Of all servers, from the first arrival until they rested; NaN: not known.</summary>
    public double ServerCpuSeconds { get; init; } = double.NaN;

    /// <summary>
    /// From the end of the last operation until the servers rested; only looked for with control groups.
    /// </summary>
    public TimeSpan Rest { get; init; }

    /// <summary>Null: nothing was compared.</summary>
    public LedgerVerdict? Verdict { get; init; }
}

/// <param name="LeftOver">Arrived, and neither done nor failed when the run ended.</param>
public sealed record OperationTotal(
    string Client, ClientKind Kind, long Arrived, long Done, long Failed, long NotBegun, long LeftOver, long Octets,
    LatencyHistogram Latency);
