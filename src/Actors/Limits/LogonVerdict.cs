namespace MailCluster.Actors.Limits;

/// <summary>What stands before an attempt to log in.</summary>
/// <param name="Delay">How long to wait before anything else is done.</param>
/// <param name="IsRefused">After the wait the password is not checked: a temporary failure.</param>
/// <param name="IsKnown">
/// The name has logged in from this source of late: only failures of the two together count.
/// </param>
public readonly record struct LogonVerdict(TimeSpan Delay, bool IsRefused, bool IsKnown)
{
    /// <summary>Nothing, as for nearly everybody.</summary>
    public static readonly LogonVerdict Free;

    internal LogonVerdict Or(LogonVerdict other) =>
        new(Delay > other.Delay ? Delay : other.Delay, IsRefused || other.IsRefused, IsKnown);
}
