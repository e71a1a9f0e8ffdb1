namespace MailCluster.Actors.Accounts;

/// <summary>
/// At most <c>entriesMax</c> entries of limited age. Two generations: when the young one is half of the bound, it
/// becomes the old one and the old one is dropped; a hit in the old one moves to the young one. So what is used stays,
/// at the price of one dictionary look-up.
/// </summary>
internal sealed class BoundedCache<TKey, TValue>(int entriesMax, TimeSpan lifetime, TimeProvider time)
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly int _half = Math.Max(1, entriesMax / 2);
    private Dictionary<TKey, Entry> _young = [];
    private Dictionary<TKey, Entry> _old = [];
    private long _version;

    /// <summary>Rises with every drop; a value read from the store before a drop must not be put in after it.</summary>
    public long Version
    {
        get
        {
            lock (_gate)
            {
                return _version;
            }
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _young.Count + _old.Count;
            }
        }
    }

    public bool TryGet(TKey key, out TValue value)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_young.TryGetValue(key, out var entry))
            {
                value = entry.Value;
                return IsFresh(entry, now);
            }

            if (_old.Remove(key, out entry) && IsFresh(entry, now))
            {
                Put(key, entry);
                value = entry.Value;
                return true;
            }
        }

        value = default!;
        return false;
    }

    /// <param name="version">The <see cref="Version"/> from before the value was read; null when it comes from nowhere
    /// else.</param>
    public void Set(TKey key, TValue value, long? version = null)
    {
        var entry = new Entry(value, time.GetTimestamp());
        lock (_gate)
        {
            if (version is null || version == _version)
            {
                Put(key, entry);
                _old.Remove(key);
            }
        }
    }

    public void Remove(TKey key)
    {
        lock (_gate)
        {
            _version++;
            _young.Remove(key);
            _old.Remove(key);
        }
    }

    public void RemoveWhere(Func<TKey, bool> matches)
    {
        lock (_gate)
        {
            _version++;
            RemoveWhere(_young, matches);
            RemoveWhere(_old, matches);
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _version++;
            _young = [];
            _old = [];
        }
    }

    private static void RemoveWhere(Dictionary<TKey, Entry> entries, Func<TKey, bool> matches)
    {
        foreach (var key in entries.Keys)
        {
            if (matches(key))
            {
                entries.Remove(key);
            }
        }
    }

    private bool IsFresh(Entry entry, long now) => time.GetElapsedTime(entry.Since, now) < lifetime;

    private void Put(TKey key, Entry entry)
    {
        if (_young.Count >= _half && !_young.ContainsKey(key))
        {
            _old = _young;
            _young = [];
        }

        _young[key] = entry;
    }

    private readonly record struct Entry(TValue Value, long Since);
}
