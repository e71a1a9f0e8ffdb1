namespace MailCluster.Shared.Limits;

/// <summary>When a queue counts as standing. All times are milliseconds.</summary>
/// <param name="Target">Who waits no longer than that is served in time.</param>
/// <param name="Interval">All have to wait longer for so long: a burst that is worked off sooner is none of it.</param>
/// <param name="Samples">So many have to, at least: a single one that waits for something else is none of it.</param>
/// <param name="Memory">
/// For so long the last sample stands for those that did not come, and a queue that stood needs no new interval.
/// </param>
public sealed record QueueLimits(long Target, long Interval, int Samples, long Memory);

/// <summary>
/// Whether those at the head of a queue have waited too long all the time, which more work makes worse and a burst does
/// not (after RFC 8289 §3: the least wait of an interval decides, never the length). Who waited no longer than the
/// target ends it at once, so that a node which sheds takes as much as it can do.
/// </summary>
public readonly record struct QueueLevel
{
    private readonly long _chainUntil;
    private readonly long _since;
    private readonly int _late;
    private readonly long _armedUntil;

    private QueueLevel(long standsUntil, long chainUntil, long since, int late, long armedUntil)
    {
        StandsUntil = standsUntil;
        _chainUntil = chainUntil;
        _since = since;
        _late = late;
        _armedUntil = armedUntil;
    }

    /// <summary>It stands before this time, unless a sample says otherwise; 0: it does not.</summary>
    public long StandsUntil { get; }

    /// <param name="delay">How long the one at the head has waited.</param>
    /// <param name="now">Of any clock from 0 on that never goes back.</param>
    public QueueLevel Next(long delay, long now, QueueLimits limits)
    {
        if (delay <= limits.Target)
        {
            return new(0, 0, 0, 0, now < StandsUntil ? now + limits.Memory : _armedUntil);
        }

        var goesOn = now < _chainUntil;
        var since = goesOn ? _since : now;
        var late = goesOn ? Math.Min(_late + 1, limits.Samples) : 1;
        var stands = now < StandsUntil || now < _armedUntil
            || (now - since >= limits.Interval && late >= limits.Samples);
        return new(stands ? now + limits.Memory : 0, now + limits.Memory, since, late, _armedUntil);
    }
}
