namespace MailCluster.Actors.Kernel;

/// <summary>The bounds of a whole system.</summary>
public sealed record ActorSystemOptions
{
    /// <summary>
    /// Asks and timers outstanding at once; default 1,048,576. An ask beyond fails (<see
    /// cref="AskFailure.MailboxFull"/>).
    /// </summary>
    public int DeadlinesMax { get; init; } = 1 << 20;
}
