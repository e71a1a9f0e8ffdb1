namespace MailCluster.Shared.Limits;

/// <summary>
/// Entries of one lifetime, at most so many; at the bound the oldest goes. One array holds the hash chains and the
/// order of age, so that a million entries are no more than that array. It grows by doubling and is given back when the
/// last entry has gone.
/// </summary>
/// <param name="entriesMax">At least 1.</param>
/// <param name="lifetime">In the unit of every <c>now</c>; an entry that old is gone.</param>
/// <param name="comparer">One with a secret, when others choose the keys.</param>
public sealed class ExpiringMap<TKey, TValue>(int entriesMax, long lifetime, IEqualityComparer<TKey> comparer)
    where TKey : notnull
{
    private const int None = -1;
    private const int SmallestCapacity = 16;

    /// <summary>Each addition clears away so many, so that a burst's end holds nobody up.</summary>
    private const int ExpiredPerAddition = 2;

    private int[] _heads = [];
    private Entry[] _entries = [];
    private int _used;
    private int _free = None;
    private int _oldest = None;
    private int _newest = None;

    /// <summary>With those that have expired and were not cleared away yet.</summary>
    public int Count { get; private set; }

    public bool TryGet(TKey key, long now, out TValue value)
    {
        var at = Find(key);
        var isThere = at != None && !IsExpired(at, now);
        value = isThere ? _entries[at].Value : default!;
        return isThere;
    }

    /// <summary>The lifetime begins anew.</summary>
    public void Set(TKey key, TValue value, long now)
    {
        Expire(now, ExpiredPerAddition);
        if (Find(key) is var known and not None)
        {
            RemoveAt(known);
        }
        else if (Count == entriesMax)
        {
            RemoveAt(_oldest);
        }

        Add(key, value, now);
    }

    /// <summary>False when it was not there any more.</summary>
    public bool Remove(TKey key, long now)
    {
        var at = Find(key);
        if (at == None)
        {
            return false;
        }

        var wasAlive = !IsExpired(at, now);
        RemoveAt(at);
        return wasAlive;
    }

    /// <summary>Clears expired ones away, at most so many. True: there may be more.</summary>
    public bool Expire(long now, int most)
    {
        while (most > 0 && _oldest != None && IsExpired(_oldest, now))
        {
            RemoveAt(_oldest);
            most--;
        }

        return most == 0;
    }

    private bool IsExpired(int at, long now) => now - _entries[at].Since >= lifetime;

    private ref int HeadOf(TKey key) => ref _heads[comparer.GetHashCode(key) & (_heads.Length - 1)];

    private int Find(TKey key)
    {
        var at = _heads.Length == 0 ? None : HeadOf(key);
        while (at != None && !comparer.Equals(_entries[at].Key, key))
        {
            at = _entries[at].Chain;
        }

        return at;
    }

    private void Add(TKey key, TValue value, long now)
    {
        var at = _free;
        if (at != None)
        {
            _free = _entries[at].Chain;
        }
        else
        {
            if (_used == _entries.Length)
            {
                Grow();
            }

            at = _used++;
        }

        ref var head = ref HeadOf(key);
        _entries[at] = new Entry
        {
            Key = key, Value = value, Since = now, Chain = head, Older = _newest, Newer = None,
        };
        head = at;
        (_newest == None ? ref _oldest : ref _entries[_newest].Newer) = at;
        _newest = at;
        Count++;
    }

    private void RemoveAt(int at)
    {
        ref var entry = ref _entries[at];
        ref var link = ref HeadOf(entry.Key);
        while (link != at)
        {
            link = ref _entries[link].Chain;
        }

        link = entry.Chain;
        (entry.Older == None ? ref _oldest : ref _entries[entry.Older].Newer) = entry.Newer;
        (entry.Newer == None ? ref _newest : ref _entries[entry.Newer].Older) = entry.Older;
        entry = new Entry { Key = default!, Value = default!, Chain = _free };
        _free = at;
        if (--Count == 0 && _entries.Length > SmallestCapacity)
        {
            (_heads, _entries, _used, _free) = ([], [], 0, None);
        }
    }

    private void Grow()
    {
        // A power of two of chains, so that finding one is a mask.
        var capacity = (int)Math.Min(Math.Max((long)_entries.Length * 2, SmallestCapacity), entriesMax);
        Array.Resize(ref _entries, capacity);
        _heads = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity)];
        Array.Fill(_heads, None);
        for (var at = 0; at < _used; at++)
        {
            ref var head = ref HeadOf(_entries[at].Key);
            _entries[at].Chain = head;
            head = at;
        }
    }

    private struct Entry
    {
        public TKey Key;
        public TValue Value;
        public long Since;
        public int Chain;
        public int Older;
        public int Newer;
    }
}
