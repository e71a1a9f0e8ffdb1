namespace MailCluster.Actors.Limits;

/// <summary>
/// The permits that connections of this node hold. It outlives every instance of a home: a new one takes from here what
/// was granted before it. What it says of a source changes in the turns of the source's home only.
/// </summary>
internal sealed class HeldPermits(IEqualityComparer<HomeKey> comparer)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<HomeKey, Dictionary<long, string>> _bySource = new(comparer);
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool Contains(HomeKey source, long connection)
    {
        lock (_gate)
        {
            return _bySource.TryGetValue(source, out var held) && held.ContainsKey(connection);
        }
    }

    public void Add(HomeKey source, string binding, long connection)
    {
        lock (_gate)
        {
            if (!_bySource.TryGetValue(source, out var held))
            {
                _bySource[source] = held = [];
            }

            if (held.TryAdd(connection, binding))
            {
                _count++;
            }
        }
    }

    /// <summary>False when it was not held.</summary>
    public bool Remove(HomeKey source, long connection)
    {
        lock (_gate)
        {
            if (!_bySource.TryGetValue(source, out var held) || !held.Remove(connection))
            {
                return false;
            }

            _count--;
            if (held.Count == 0)
            {
                _bySource.Remove(source);
            }

            return true;
        }
    }

    /// <summary>Connections and their bindings.</summary>
    public KeyValuePair<long, string>[] Of(HomeKey source)
    {
        lock (_gate)
        {
            return _bySource.TryGetValue(source, out var held) ? [.. held] : [];
        }
    }
}
