using MailCluster.Shared;
using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Failed logins, for all homes of this node: they outlive the client's connections by minutes, and an entry here is a
/// fraction of what an actor that is kept for it would take. What it says of a home changes in that home's turns only.
/// </summary>
internal sealed class LogonFailures(LogonLimitOptions options, TimeProvider time, HomeKey.Comparer comparer)
{
    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private readonly ExpiringMap<HomeKey, FailureLevel> _strangers =
        new(options.FailingMax, options.Window.Ticks, comparer);
    private readonly ExpiringMap<Pair, FailureLevel> _known =
        new(options.KnownMax, options.KnownLifetime.Ticks, new PairComparer(comparer));

    /// <summary>With some whose failures are forgotten by now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _strangers.Count;
            }
        }
    }

    private long Now => time.GetElapsedTime(_started).Ticks;

    /// <param name="from">Where the attempt comes from; null when <paramref name="home"/> is that source.</param>
    public LogonVerdict Judge(HomeKey home, SourceKey? from)
    {
        if (LimitOf(home) is not { } limit)
        {
            return LogonVerdict.Free;
        }

        lock (_gate)
        {
            var now = Now;
            if (from is { } source && _known.TryGet(new(home, source), now, out var own))
            {
                return Weigh(own, now, limit, isKnown: true);
            }

            _strangers.TryGet(home, now, out var all);
            return Weigh(all, now, limit, isKnown: false);
        }
    }

    public void Fail(HomeKey home, SourceKey? from)
    {
        if (LimitOf(home) is not { } limit)
        {
            return;
        }

        lock (_gate)
        {
            var now = Now;
            if (from is { } source && _known.TryGet(new(home, source), now, out var own))
            {
                _known.Set(new(home, source), own.Add(now, EachOf(limit), limit), now);
            }
            else
            {
                _strangers.TryGet(home, now, out var all);
                _strangers.Set(home, all.Add(now, EachOf(limit), limit), now);
            }
        }
    }

    /// <summary>From here on this name is known at this source; its failures from there are forgotten.</summary>
    public void Succeed(HomeKey home, SourceKey from)
    {
        lock (_gate)
        {
            _known.Set(new(home, from), default, Now);
        }
    }

    private int? LimitOf(HomeKey home) => home.IsSource ? options.FailuresPerSource : options.FailuresPerUser;

    private long EachOf(int limit) => Math.Max(options.Window.Ticks / limit, 1);

    private LogonVerdict Weigh(FailureLevel level, long now, int limit, bool isKnown)
    {
        var failures = level.At(now, EachOf(limit));
        if (failures >= limit)
        {
            return new(options.MaxDelay, IsRefused: true, isKnown);
        }

        var over = failures - options.FreeFailures;
        if (over <= 0)
        {
            return new(TimeSpan.Zero, IsRefused: false, isKnown);
        }

        // Beyond 30 doublings any wait is longer than the longest.
        var delay = options.FirstDelay.Ticks << Math.Min(over - 1, 30);
        return new(TimeSpan.FromTicks(Math.Min(delay, options.MaxDelay.Ticks)), IsRefused: false, isKnown);
    }

    private readonly record struct Pair(HomeKey Name, SourceKey Source);

    private sealed class PairComparer(HomeKey.Comparer homes) : IEqualityComparer<Pair>
    {
        public bool Equals(Pair x, Pair y) => homes.Equals(x.Name, y.Name) && x.Source == y.Source;

        public int GetHashCode(Pair pair) =>
            homes.GetHashCode(pair.Name) ^ (homes.GetHashCode(HomeKey.Of(pair.Source)) * 31);
    }
}
