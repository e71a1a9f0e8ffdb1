namespace MailCluster.Storage.Sqlite;

/// <summary>Settings of the embedded store.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>Made with mode 0700 when it is not there.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Threads that read. Two, because one that waits for the disk must not hold up what is in
    /// memory.</summary>
    public int ReaderThreads { get; init; } = 2;

    /// <summary>Reads that may wait; beyond it they fail as unavailable. More than a node has connections.</summary>
    public int ReadsWaitingMax { get; init; } = 65_536;

    /// <summary>Octets that may wait in the lane. 64 MiB are seconds of a slow disk.</summary>
    public long LaneOctetsMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Units and directory changes that may wait in the lane.</summary>
    public int LaneUnitsMax { get; init; } = 16_384;

    /// <summary>Octets of one transaction: bounds how long the first of a batch waits for the last.</summary>
    public long BatchOctetsMax { get; init; } = 8L * 1024 * 1024;

    public int BatchUnitsMax { get; init; } = 1_024;

    /// <summary>
    /// Page cache of the writer, KiB. Small: what it does not hold the system's own cache does, measured without loss,
    /// and a large message must not add more than 4 MiB to the process.
    /// </summary>
    public int WriterCacheKibibytes { get; init; } = 1024;

    /// <summary>Page cache of each reader, KiB.</summary>
    public int ReaderCacheKibibytes { get; init; } = 512;

    /// <summary>Octets of write-ahead log from which it is copied into the database while writing goes on.</summary>
    public long CheckpointFromOctets { get; init; } = 64L * 1024 * 1024;

    /// <summary>Octets of write-ahead log above which it is cut back.</summary>
    public long WalOctetsMax { get; init; } = 256L * 1024 * 1024;

    /// <summary>How long a body without reference is kept: a session may still be sending it.</summary>
    public TimeSpan UnreferencedFor { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long chunks of a message that never came to its end are kept.</summary>
    public TimeSpan StagedFor { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long it is remembered which messages were imported: an import that is begun again within this time brings
    /// none twice. Default 90 days; it takes about 50 octets per message.
    /// </summary>
    public TimeSpan ImportMarksFor { get; init; } = TimeSpan.FromDays(90);

    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Tombstones kept per mailbox; up to twice as many before the older half goes under the floor.</summary>
    public int TombstonesPerMailbox { get; init; } = 10_000;
}
