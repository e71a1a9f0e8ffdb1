using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>
/// The permits that connections of this node hold or have asked another node for, whatever their home: the truth that
/// every home's count is made from. It outlives every instance of a home. While the home of a source is here, permits
/// come in the turns of that home only.
/// </summary>
/// <param name="comparer">Of sources.</param>
/// <param name="isPartOfCluster">Then a shard's permits are found together.</param>
internal sealed class HeldPermits(IEqualityComparer<HomeKey> comparer, bool isPartOfCluster)
{
    /// <summary>Sources of one connection come and go; their tables are used again.</summary>
    private const int SparesMax = 256;

    private readonly Dictionary<HomeKey, Holding>?[] _byShard =
        new Dictionary<HomeKey, Holding>?[isPartOfCluster ? MailboxId.Shards : 1];

    private readonly Stack<Holding> _spares = [];
    private int _count;

    /// <summary>Held and asked for.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>
    /// Who tells another node of a change, or reports, holds it from the change until it is sent: so the other hears of
    /// both in the order in which they happened. Sending serialises and never blocks.
    /// </summary>
    public Lock Gate { get; } = new();

    public bool Contains(HomeKey source, long connection)
    {
        lock (Gate)
        {
            return Find(source) is { } holding && holding.Permits.ContainsKey(connection);
        }
    }

    public int CountOf(HomeKey source)
    {
        lock (Gate)
        {
            return Find(source)?.Permits.Count ?? 0;
        }
    }

    public int CountOf(HomeKey source, string binding)
    {
        lock (Gate)
        {
            return Find(source)?.Tally.Of(binding) ?? 0;
        }
    }

    /// <summary>
    /// In a turn of the home, which is here: granted, or held already; false: the others of the binding are as many as
    /// the limit, and it is not held.
    /// </summary>
    /// <param name="others">Known of other nodes.</param>
    /// <param name="isNew">It was not held before.</param>
    /// <param name="isUnasked">Not in such a turn: the home cannot be asked.</param>
    public bool TryHold(
        HomeKey source, string binding, long connection, int limit, int others, out bool isNew,
        bool isUnasked = false)
    {
        lock (Gate)
        {
            var holding = Find(source);
            var isAsked = false;
            isNew = false;
            if (holding is not null && holding.Permits.TryGetValue(connection, out var permit))
            {
                if (permit.AskedAt is null)
                {
                    return true;
                }

                isAsked = true;
            }

            if ((long)(holding?.Tally.Of(binding) ?? 0) - (isAsked ? 1 : 0) + others >= limit)
            {
                RemoveLocked(source, connection);
                return false;
            }

            isNew = true;
            Put(source, connection, new HeldPermit(binding, null, isUnasked));
            return true;
        }
    }

    /// <summary>Before another node is asked.</summary>
    public void Ask(HomeKey source, string binding, long connection, NodePeer home)
    {
        lock (Gate)
        {
            Put(source, connection, new HeldPermit(binding, home));
        }
    }

    /// <summary>
    /// Another node's home has granted it. False: so many are held here already, some without leave, that it is not
    /// used: what one node lets in is never more than the limit.
    /// </summary>
    public bool TryConfirm(HomeKey source, string binding, long connection, int limit)
    {
        lock (Gate)
        {
            var holding = Find(source);
            var isHeld = holding is not null && holding.Permits.TryGetValue(connection, out var permit)
                && permit.AskedAt is null;
            if (!isHeld && holding is not null && holding.Tally.Of(binding) - holding.Asked.Of(binding) >= limit)
            {
                return false;
            }

            Put(source, connection, new HeldPermit(binding, null));
            return true;
        }
    }

    /// <summary>False when it was not held.</summary>
    /// <param name="keepsUnasked">An ask is taken back, and not what was held without one since.</param>
    public bool Remove(HomeKey source, long connection, bool keepsUnasked = false)
    {
        lock (Gate)
        {
            return !(keepsUnasked && FindLocked(source, connection) is { IsUnasked: true })
                && RemoveLocked(source, connection);
        }
    }

    /// <summary>Within <see cref="Gate"/>.</summary>
    public bool RemoveLocked(HomeKey source, long connection)
    {
        if (Find(source) is not { } holding || !holding.Permits.Remove(connection, out var permit))
        {
            return false;
        }

        holding.Count(permit, -1);
        _count--;
        if (holding.Permits.Count == 0)
        {
            MapOf(source).Remove(source);
            if (_spares.Count < SparesMax && holding.Permits.Capacity <= Holding.SpareCapacityMax)
            {
                _spares.Push(holding);
            }
        }

        return true;
    }

    /// <summary>Within <see cref="Gate"/>. Null: it is not there any more.</summary>
    public HeldPermit? FindLocked(HomeKey source, long connection) =>
        Find(source) is { } holding && holding.Permits.TryGetValue(connection, out var permit) ? permit : null;

    /// <summary>What there is of a shard now, a source's together, in the order in which they came.</summary>
    public List<(HomeKey Source, long Connection)> Of(ShardId shard)
    {
        lock (Gate)
        {
            var rows = new List<(HomeKey, long)>();
            foreach (var (source, holding) in _byShard[shard.Number] ?? [])
            {
                rows.EnsureCapacity(rows.Count + holding.Permits.Count);
                foreach (var connection in holding.Permits.Keys)
                {
                    rows.Add((source, connection));
                }
            }

            return rows;
        }
    }

    private Holding? Find(HomeKey source) => MapOf(source).GetValueOrDefault(source);

    private Dictionary<HomeKey, Holding> MapOf(HomeKey source) =>
        _byShard[isPartOfCluster ? source.Shard.Number : 0] ??= new(comparer);

    private void Put(HomeKey source, long connection, HeldPermit permit)
    {
        var map = MapOf(source);
        if (!map.TryGetValue(source, out var holding))
        {
            map[source] = holding = _spares.TryPop(out var spare) ? spare : new Holding();
        }

        if (holding.Permits.TryGetValue(connection, out var before))
        {
            holding.Count(before, -1);
        }
        else
        {
            _count++;
        }

        holding.Permits[connection] = permit;
        holding.Count(permit, 1);
    }

    /// <param name="AskedAt">Null: held. Otherwise who has not answered yet.</param>
    /// <param name="IsUnasked">Held without a home's leave.</param>
    public readonly record struct HeldPermit(string Binding, NodePeer? AskedAt, bool IsUnasked = false);

    private sealed class Holding
    {
        public const int SpareCapacityMax = 16;

        private BindingTally _tally;
        private BindingTally _asked;

        public Dictionary<long, HeldPermit> Permits { get; } = [];

        public ref readonly BindingTally Tally => ref _tally;

        /// <summary>Of them, those without an answer.</summary>
        public ref readonly BindingTally Asked => ref _asked;

        public void Count(in HeldPermit permit, int change)
        {
            _tally.Add(permit.Binding, change);
            if (permit.AskedAt is not null)
            {
                _asked.Add(permit.Binding, change);
            }
        }
    }
}
