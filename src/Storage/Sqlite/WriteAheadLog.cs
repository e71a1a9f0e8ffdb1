namespace MailCluster.Storage.Sqlite;

/// <summary>How full the log is: the writer counts pages in, whoever copies them out says what is left.</summary>
internal sealed class WriteAheadLog(long checkpointFromOctets) : IDisposable
{
    // A page of 8192 octets and its frame header.
    private const long FrameOctets = 8192 + 24;

    private readonly AutoResetEvent _due = new(false);
    private long _frames;
    private long _uncopied;

    /// <summary>
    /// Held by who copies: SQLite turns a second one away, and a copy that was turned away leaves the log as it was.
    /// </summary>
    public Lock Copying { get; } = new();

    /// <summary>Octets from the log's begin to its last frame.</summary>
    public long Octets => Volatile.Read(ref _frames) * FrameOctets;

    /// <summary>Octets not yet copied into the database.</summary>
    public long UncopiedOctets => Volatile.Read(ref _uncopied) * FrameOctets;

    public void Written(int pages)
    {
        _ = Interlocked.Add(ref _frames, pages);
        if (Interlocked.Add(ref _uncopied, pages) * FrameOctets >= checkpointFromOctets)
        {
            _ = _due.Set();
        }
    }

    /// <summary>Waits until there is enough to copy, or <see cref="StopWaiting"/>.</summary>
    public void WaitUntilDue() => _ = _due.WaitOne();

    public void StopWaiting() => _ = _due.Set();

    /// <summary>Frames may have been added since; they are few and counted again by the next checkpoint.</summary>
    public void Copied(int log, int copied)
    {
        // A log that is copied whole starts anew with the next write.
        Volatile.Write(ref _frames, log == copied ? 0 : log);
        Volatile.Write(ref _uncopied, log - copied);
    }

    public void Dispose() => _due.Dispose();
}
