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
        foreach (var holder in _queue.FindAll(holder => ReferenceEquals(holder.Session, session)))
        {
            _queue.Remove(holder);
            holder.Granted.TrySetResult(false);
        }

        Grant();
    }

    private void Grant()
    {
        for (var i = 0; i < _queue.Count; i++)
        {
            if (_queue[i].IsExclusive && i > 0)
            {
                return;
            }

            _queue[i].Granted.TrySetResult(true);
            if (_queue[i].IsExclusive)
            {
                return;
            }
        }
    }

    private sealed class Holder(object session, bool isExclusive)
    {
        public object Session => session;

        public bool IsExclusive => isExclusive;

        public TaskCompletionSource<bool> Granted { get; } = new();
    }
}
