namespace MailCluster.Actors.Limits;

/// <summary>How failed logins are slowed and capped (decision 10).</summary>
public sealed record LogonLimitOptions
{
    /// <summary>
    /// Failures of one source within <see cref="Window"/>; null: not counted. Default 100: a hundred customers behind
    /// one address who each mistype once.
    /// </summary>
    public int? FailuresPerSource { get; init; } = 100;

    /// <summary>
    /// Failures of one name within <see cref="Window"/>, from sources that it has not logged in from of late, all
    /// together; and the same number from each source that it has; null: not counted. Default 50.
    /// </summary>
    public int? FailuresPerUser { get; init; } = 50;

    /// <summary>
    /// In which as many failures as are allowed are forgotten, one by one. Default 10 minutes, so that who is refused
    /// waits seconds for the next attempt, not an hour.
    /// </summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Failures that slow nobody down. Default 5: more than a person who looks for the right password makes.
    /// </summary>
    public int FreeFailures { get; init; } = 5;

    /// <summary>How long the first attempt after them waits; each further failure doubles it. Default 250 ms.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest wait. Default 5 s, as the tarpit's.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a name is known at a source after its last login from there. Default a day.</summary>
    public TimeSpan KnownLifetime { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Sources and names with failures, 60 octets each; the oldest is forgotten. Default 1,000,000.</summary>
    public int FailingMax { get; init; } = 1_000_000;

    /// <summary>Names known at sources, 68 octets each; the oldest is forgotten. Default 250,000.</summary>
    public int KnownMax { get; init; } = 250_000;
}
