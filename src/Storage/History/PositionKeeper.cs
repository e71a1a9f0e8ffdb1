namespace MailCluster.Storage.History;

/// <summary>
/// Notes once a second how far this node has committed, when that has changed, and once more at its end. Commits only
/// count; nothing of theirs waits for it.
/// </summary>
internal sealed class PositionKeeper : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly PositionFile _file;
    private readonly StorePosition _first;
    private readonly Func<long> _position;
    private readonly TimeProvider _time;
    private readonly PeriodicTimer _timer;
    private readonly Task _loop;
    private long _written = -1;

    /// <param name="first">Of which history and node; the rest is asked for.</param>
    /// <param name="position">From any thread.</param>
    public PositionKeeper(PositionFile file, StorePosition first, Func<long> position, TimeProvider time)
    {
        _file = file;
        _first = first;
        _position = position;
        _time = time;
        _timer = new PeriodicTimer(Interval, time);
        Note();
        _loop = RunAsync();
    }

    /// <summary>After the last commit.</summary>
    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _loop.ConfigureAwait(false);
        Note();
    }

    private async Task RunAsync()
    {
        while (await _timer.WaitForNextTickAsync().ConfigureAwait(false))
        {
            Note();
        }
    }

    private void Note()
    {
        var position = _position();
        if (position > _written && _file.Write(_first with { Position = position, At = _time.GetUtcNow() }))
        {
            _written = position;
        }
    }
}
