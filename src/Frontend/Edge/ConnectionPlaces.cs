namespace MailCluster.Frontend.Edge;

/// <summary>
/// How many connections may be open at once on this node: of a binding, or of several that share them.
/// </summary>
/// <param name="max">Null: no limit.</param>
internal sealed class ConnectionPlaces(int? max)
{
    private int _open;

    public int? Max => max;

    /// <summary>Takes a place; false when there is none.</summary>
    /// <param name="before">Places that were taken.</param>
    public bool TryEnter(out int before)
    {
        before = Interlocked.Increment(ref _open) - 1;
        if (before < (max ?? int.MaxValue))
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _open);
}
