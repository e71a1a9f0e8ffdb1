namespace MailCluster.Simulation.Store;

/// <summary>
/// A node's advisory lock: shared by its commits, exclusive for who claims its shards. First come, first served, so a
/// claimer that waits holds up the commits behind it.
/// </summary>
internal sealed class FenceLock
{
    private readonly List<Holder> _queue = [];

    /// <summary>True once it is held; false when the session behind it ended before.</summary>
    public Task<bool> AcquireAsync(object session, bool isExclusive)
    {
        var holder = new Holder(session, isExclusive);
        _queue.Add(holder);
        Grant();
        return holder.Granted.Task;
    }

    /// <summary>Of a session that holds it, waits for it or neither.</summary>
    public void Release(object session)
    {
        var gone = _queue.FindAll(holder => ReferenceEquals(holder.Session, session));
        _ = _queue.RemoveAll(gone.Contains);
        foreach (var holder in gone)
        {
            holder.Granted.TrySetResult(false);
        }

        Grant();
    }

    /// <summary>Who is told goes on at once and may release: the queue is not looked at any more by then.</summary>
    private void Grant()
    {
        var first = _queue.FindIndex(static holder => holder.IsExclusive);
        var granted = first == 0 ? _queue.GetRange(0, 1) : first < 0 ? [.. _queue] : _queue.GetRange(0, first);
        foreach (var holder in granted)
        {
            holder.Granted.TrySetResult(true);
        }
    }

    private sealed class Holder(object session, bool isExclusive)
    {
        public object Session => session;

        public bool IsExclusive => isExclusive;

        public TaskCompletionSource<bool> Granted { get; } = new();
    }
}
