namespace MailCluster.Actors.Kernel;

/// <summary>
/// Finds the idle entities of a region. Time is counted in sweeps, eight to one idle time-out: an entity writes down
/// the sweep it was last active in, which costs no clock, and is idle when more than eight have passed since.
/// </summary>
internal sealed class IdleSweep<TKey, TMessage>(
    ShardRegion<TKey, TMessage> region,
    ActorSystem system,
    TimeSpan idleTimeout) : Deadline
    where TKey : notnull
    where TMessage : class
{
    private const int SweepsPerTimeout = 8;

    /// <summary>So many places per lock, so that tells are not held up.</summary>
    private const int PlacesPerLock = 1024;

    private readonly List<ActorRef<TMessage>> _idle = [];
    private int _generation;
    private int _isRunning;

    public int Generation => Volatile.Read(ref _generation);

    /// <summary>Runs from the first entity on, until none is left.</summary>
    public void Ensure()
    {
        if (idleTimeout != Timeout.InfiniteTimeSpan && Interlocked.Exchange(ref _isRunning, 1) == 0)
        {
            Arm();
        }
    }

    internal override void Fire(long sequence)
    {
        var oldest = Interlocked.Increment(ref _generation) - SweepsPerTimeout - 1;
        var place = 0;
        do
        {
            place = region.IdleSince(oldest, place, PlacesPerLock, _idle);
            foreach (var entity in _idle)
            {
                entity.PassivateIfIdle();
            }

            _idle.Clear();
        }
        while (place != 0);

        if (region.Count > 0)
        {
            Arm();
            return;
        }

        Volatile.Write(ref _isRunning, 0);
        if (region.Count > 0)
        {
            Ensure();
        }
    }

    private void Arm() =>
        system.Deadlines.Add(this, system.Deadlines.NextSequence(), idleTimeout / SweepsPerTimeout);
}
