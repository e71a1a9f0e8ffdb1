namespace MailCluster.Frontend.Edge;

/// <summary>
/// Gives memory back when nobody needs the processor: ten thousand connections that were opened and then sit idle
/// should cost what they hold, not what opening them left behind. Never while clients are served, and not for a little.
/// </summary>
internal sealed class QuietCollection : IDisposable
{
    /// <summary>No input on any connection for so long. Longer than a pause between two bursts.</summary>
    private const long QuietMilliseconds = 1_500;

    /// <summary>Octets allocated since the last time, below which it is not worth a collection.</summary>
    private const long WorthwhileOctets = 4 * 1024 * 1024;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly IdleClock _clock;
    private readonly ITimer _timer;
    private long _allocated;

    public QuietCollection(IdleClock clock, TimeProvider time)
    {
        _clock = clock;
        _timer = time.CreateTimer(static state => ((QuietCollection)state!).Look(), this, LookInterval, LookInterval);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var allocated = GC.GetTotalAllocatedBytes();
        if (_clock.QuietMilliseconds < QuietMilliseconds || allocated - _allocated < WorthwhileOctets)
        {
            return;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeHeap.Trim();
        _allocated = GC.GetTotalAllocatedBytes();
    }
}
