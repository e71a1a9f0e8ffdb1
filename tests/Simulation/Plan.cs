using System.Collections.Immutable;

namespace MailCluster.Simulation;

/// <summary>What goes wrong.</summary>
internal enum Fault
{
    /// <summary>kill -9, and a new start under a new incarnation a while later.</summary>
    Crash,

    /// <summary>SIGSTOP, and SIGCONT a while later: often longer than a lease.</summary>
    Pause,

    /// <summary>Two nodes do not reach each other.</summary>
    PartitionOfNodes,

    /// <summary>A node does not reach the database.</summary>
    PartitionFromDatabase,

    /// <summary>A link breaks and comes back: what was on its way is lost.</summary>
    CutOfLink,

    /// <summary>Links become slow, each frame differently.</summary>
    SlowLinks,

    /// <summary>The database dies and it or its standby comes back: connections and what is open break.</summary>
    DatabaseOutage,

    /// <summary>Commits and statements take long.</summary>
    SlowCommits,

    /// <summary>Calls of membership take long, and some answers are lost.</summary>
    SlowMembership,

    /// <summary>A node's wall clock jumps.</summary>
    ClockJump,

    /// <summary>A node drains, ends and comes back.</summary>
    Restart,

    /// <summary>All of them, one after the other.</summary>
    RollingRestart,

    /// <summary>One more node joins.</summary>
    Join,
}

/// <summary>What one seed has drawn for its run.</summary>
internal sealed record Plan
{
    public required int Nodes { get; init; }

    public required ImmutableArray<int> MailboxesOfTenants { get; init; }

    public required int Senders { get; init; }

    public required int Readers { get; init; }

    /// <summary>Of short connections that do nothing but hold a permit.</summary>
    public required int Callers { get; init; }

    /// <summary>Connections that a source may have.</summary>
    public required int Limit { get; init; }

    /// <summary>Until everything is healed.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Only some kinds in each run: what one hides another shows.</summary>
    public required ImmutableArray<Fault> Faults { get; init; }

    /// <summary>Between two faults at most; several may last at once.</summary>
    public required int FaultPauseMilliseconds { get; init; }

    public required TimeSpan AcknowledgementDelay { get; init; }

    /// <summary>Nobody loses a shard or a link that did not give it away.</summary>
    public bool IsStable => Faults.All(fault =>
        fault is Fault.Restart or Fault.RollingRestart or Fault.Join or Fault.ClockJump or Fault.SlowCommits);

    public static Plan Draw(Chance chance)
    {
        var kinds = Enum.GetValues<Fault>();
        ImmutableArray<Fault> faults = chance.OneIn(16) ? []
            : chance.OneIn(6) ? [Fault.Restart, Fault.RollingRestart, Fault.Join]
            : [.. kinds.Where(_ => chance.OneIn(2))];
        return new Plan
        {
            Nodes = chance.Between(3, 5),
            MailboxesOfTenants = [chance.Between(2, 6), chance.Between(2, 6)],
            Senders = chance.Between(2, 5),
            Readers = chance.Between(1, 4),
            Callers = chance.Between(2, 6),
            Limit = chance.Between(2, 4),
            Duration = TimeSpan.FromSeconds(chance.Between(8, 20)),
            Faults = faults,
            FaultPauseMilliseconds = chance.Between(500, 4000),
            AcknowledgementDelay = chance.OneIn(3) ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(10),
        };
    }

    public override string ToString() =>
        $"{Nodes} nodes, {string.Join('+', MailboxesOfTenants)} mailboxes, {Senders} senders, {Readers} readers, "
        + $"{Callers} callers of limit {Limit}, {Duration.TotalSeconds} s, faults: {string.Join(' ', Faults)}";
}
