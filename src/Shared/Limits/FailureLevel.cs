namespace MailCluster.Shared.Limits;

/// <summary>
/// How many failures are not forgotten yet, when one is forgotten at an even pace: one number, however many there were.
/// </summary>
/// <param name="ForgottenAt">When none is left, in the unit of every <c>now</c>.</param>
public readonly record struct FailureLevel(long ForgottenAt)
{
    /// <param name="each">How long it takes to forget one; at least 1.</param>
    public int At(long now, long each) =>
        ForgottenAt <= now ? 0 : (int)Math.Min((ForgottenAt - now + each - 1) / each, int.MaxValue);

    /// <summary>
    /// One more; never more than <paramref name="most"/>, so that no burst is remembered longer than that.
    /// </summary>
    public FailureLevel Add(long now, long each, int most) =>
        new(Math.Min(Math.Max(ForgottenAt, now) + each, now + (each * most)));
}
