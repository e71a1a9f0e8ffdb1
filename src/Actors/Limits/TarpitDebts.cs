using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Sources whose next connection waits (OXSMTP-EV-19), for all homes of this node: a debt outlives the client's
/// connections by minutes, and an entry here is a sixth of what an actor that is kept for it would take.
/// </summary>
internal sealed class TarpitDebts(SourceLimitOptions options, TimeProvider time, IEqualityComparer<HomeKey> comparer)
{
    private const int ClearedPerLock = 1024;

    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private readonly ExpiringMap<HomeKey, ValueTuple> _debts =
        new(options.DebtsMax, options.DebtLifetime.Ticks, comparer);

    /// <summary>Not for every connection: it clears away what has expired.</summary>
    public int Count
    {
        get
        {
            while (true)
            {
                lock (_gate)
                {
                    if (!_debts.Expire(Now, ClearedPerLock))
                    {
                        return _debts.Count;
                    }
                }
            }
        }
    }

    private long Now => time.GetElapsedTime(_started).Ticks;

    public void Owe(HomeKey source)
    {
        lock (_gate)
        {
            _debts.Set(source, default, Now);
        }
    }

    /// <summary>True: it owed, and does no longer.</summary>
    public bool Pay(HomeKey source)
    {
        lock (_gate)
        {
            return _debts.Count > 0 && _debts.Remove(source, Now);
        }
    }
}
