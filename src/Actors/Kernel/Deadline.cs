namespace MailCluster.Actors.Kernel;

/// <summary>Something that happens at a time, unless it is removed before.</summary>
internal abstract class Deadline
{
    /// <summary>Timestamp of the system's <see cref="TimeProvider"/>.</summary>
    internal long Due { get; set; }

    /// <summary>Unique per addition; tells a reused object's old deadline from its new one. Starts at 1.</summary>
    internal long Sequence { get; set; }

    /// <summary>Place in the heap, -1 when not in it.</summary>
    internal int Place { get; set; } = -1;

    /// <summary>Its time has come. On the timer's thread, without any lock held; it hands over and returns.</summary>
    internal abstract void Fire(long sequence);

    /// <summary>The system has ended before its time.</summary>
    internal virtual void Abandon(long sequence)
    {
    }
}
