namespace MailCluster.Storage.History;

/// <summary>
/// What is given after a restore lies above whatever may have been given between the backup and now, which nobody knows
/// any more (I4). Both counters follow the clock: a mailbox would have to get a new folder every second to be ahead of
/// its UIDVALIDITY, and a message every microsecond to be ahead of its number.
/// </summary>
internal readonly record struct AcceptedRestore(long MessageNumber, long UidValidity, string History)
{
    /// <summary>By how much the clocks of nodes may have been ahead of this one.</summary>
    private static readonly TimeSpan ClockMargin = TimeSpan.FromHours(1);

    private static readonly DateTimeOffset Epoch = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <param name="now">The latest that any clock at hand shows.</param>
    public static AcceptedRestore At(DateTimeOffset now)
    {
        var ahead = now + ClockMargin;
        return new(
            Shared.MessageNumber.After(new(0), ahead).Value, (long)(ahead - Epoch).TotalSeconds,
            Guid.NewGuid().ToString("N"));
    }
}
