namespace MailCluster.Storage.Postgres;

/// <summary>Settings of the store on PostgreSQL, those of one node.</summary>
public sealed record PostgresStoreOptions
{
    /// <summary>
    /// Connections that commit, each with lanes of its own. Four: while one waits for the disk the next ones write.
    /// </summary>
    public int CommitConnections { get; init; } = 4;

    /// <summary>Connections that read, at most.</summary>
    public int ReadConnections { get; init; } = 12;

    /// <summary>Reads that may wait for a connection; beyond it they fail as unavailable.</summary>
    public int ReadsWaitingMax { get; init; } = 65_536;

    /// <summary>Octets that may wait in all lanes. 64 MiB are seconds of a slow disk.</summary>
    public long LaneOctetsMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Units that may wait in all lanes.</summary>
    public int LaneUnitsMax { get; init; } = 16_384;

    /// <summary>Octets of one transaction: bounds how long the first of a batch waits for the last.</summary>
    public long BatchOctetsMax { get; init; } = 8L * 1024 * 1024;

    public int BatchUnitsMax { get; init; } = 1_024;

    /// <summary>
    /// How long the database may be silent, at a connect as in the midst of an answer, before it counts as away. Less
    /// than a node's lease.
    /// </summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest pause between two attempts to reach a database that is away.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>How long a body without reference is kept: a session may still be sending it.</summary>
    public TimeSpan UnreferencedFor { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long chunks of a message that never came to its end are kept.</summary>
    public TimeSpan StagedFor { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long is known which messages were imported.</summary>
    public TimeSpan ImportMarksFor { get; init; } = TimeSpan.FromDays(90);

    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Tombstones kept per mailbox; up to twice as many before the older half goes under the floor.</summary>
    public int TombstonesPerMailbox { get; init; } = 10_000;
}
