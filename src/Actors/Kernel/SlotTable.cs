namespace MailCluster.Actors.Kernel;

/// <summary>
/// Who is alive, in places that stay, so that a sweep can go on where it ended; its order depends on no hash. The
/// caller holds a lock.
/// </summary>
internal sealed class SlotTable<T>
    where T : class
{
    private readonly List<T?> _slots = [];
    private readonly Stack<int> _free = [];

    /// <summary>Places, taken or not.</summary>
    public int Length => _slots.Count;

    public int Count => _slots.Count - _free.Count;

    public T? this[int slot] => _slots[slot];

    public int Add(T item)
    {
        if (_free.TryPop(out var slot))
        {
            _slots[slot] = item;
            return slot;
        }

        _slots.Add(item);
        return _slots.Count - 1;
    }

    /// <summary>False when the item is not there any more.</summary>
    public bool Remove(T item, int slot)
    {
        if ((uint)slot >= (uint)_slots.Count || !ReferenceEquals(_slots[slot], item))
        {
            return false;
        }

        _slots[slot] = null;
        _free.Push(slot);
        return true;
    }

    public T[] ToArray() => [.. _slots.OfType<T>()];
}
