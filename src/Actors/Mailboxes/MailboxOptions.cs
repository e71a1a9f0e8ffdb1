using MailCluster.Actors.Kernel;

namespace MailCluster.Actors.Mailboxes;

/// <summary>Bounds and deadlines of mailbox actors.</summary>
public sealed record MailboxOptions
{
    /// <summary>
    /// Messages that wait for one mailbox. Default 1024: more deliveries to one mailbox at once go through the spool.
    /// </summary>
    public int Capacity { get; init; } = 1024;

    /// <summary>Messages put aside while a mailbox loads. Default 1024, as many as can wait.</summary>
    public int StashCapacity { get; init; } = 1024;

    /// <summary>
    /// Default 5 minutes: a client that polls finds its mailbox loaded, one that left does not hold memory.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Mailboxes in memory. Default 50,000; each takes about 1 KiB and 32 octets per message of INBOX. At the bound the
    /// longest idle one makes room.
    /// </summary>
    public int AliveMax { get; init; } = 50_000;

    /// <summary>
    /// After a load that failed, requests are refused for this long. Default 1 s: a store that is away is not stormed.
    /// </summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Opening, which may load first. Default 10 s.</summary>
    public TimeSpan OpenDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Removal, which ends with a commit. Default 30 s: at a QUIT the client waits for nothing else.</summary>
    public TimeSpan DeleteDeadline { get; init; } = TimeSpan.FromSeconds(30);

    internal ActorOptions ForActors() => new()
    {
        MailboxCapacity = Capacity,
        StashCapacity = StashCapacity,
        IdleTimeout = IdleTimeout,
        EntitiesMax = AliveMax,
        MaxBackoff = TimeSpan.FromSeconds(5),
    };
}
