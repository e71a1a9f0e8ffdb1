namespace MailCluster.Actors.Kernel;

/// <summary>
/// What only few actors have at a time: a stash, timers, failures. As a deadline it is the end of a back-off: removed
/// from the heap or fired, it gives the ownership of the suspended actor's turn to exactly one.
/// </summary>
internal sealed class ActorExtras<TMessage>(ActorRef<TMessage> owner) : Deadline
    where TMessage : class
{
    private readonly List<TMessage> _stash = [];
    private readonly List<ActorTimer<TMessage>> _timers = [];
    private int _failures;
    private long _restartedAt;

    public bool HasStash => _stash.Count > 0;

    public bool TryStash(TMessage message, int capacity)
    {
        if (_stash.Count >= capacity)
        {
            return false;
        }

        _stash.Add(message);
        return true;
    }

    /// <summary>The stash, emptied, in order.</summary>
    public TMessage[] TakeStash()
    {
        TMessage[] stash = [.. _stash];
        _stash.Clear();
        return stash;
    }

    /// <summary>A message that failed in the turn that stashed it is answered as failed and not kept.</summary>
    public void Unstash(TMessage message)
    {
        var at = _stash.FindLastIndex(stashed => ReferenceEquals(stashed, message));
        if (at >= 0)
        {
            _stash.RemoveAt(at);
        }
    }

    public ActorTimer<TMessage> SetTimer(TMessage message, TimeSpan due, int timersMax)
    {
        if (_timers.Count >= timersMax)
        {
            throw new InvalidOperationException($"More than {timersMax} timers are set at once.");
        }

        var timer = new ActorTimer<TMessage>(owner, message) { Slot = _timers.Count };
        _timers.Add(timer);
        var deadlines = owner.System.Deadlines;
        deadlines.Add(timer, deadlines.NextSequence(), due);
        return timer;
    }

    /// <summary>False when it was delivered or cancelled before.</summary>
    public bool CancelTimer(ActorTimer<TMessage> timer)
    {
        if (!Forget(timer))
        {
            return false;
        }

        owner.System.Deadlines.TryRemove(timer);
        return true;
    }

    public void CancelTimers()
    {
        while (_timers.Count > 0)
        {
            CancelTimer(_timers[^1]);
        }
    }

    /// <summary>The timer is no longer set. False when it was not.</summary>
    public bool Forget(ActorTimer<TMessage> timer)
    {
        if (timer.Slot < 0)
        {
            return false;
        }

        var last = _timers[^1];
        _timers[timer.Slot] = last;
        last.Slot = timer.Slot;
        _timers.RemoveAt(_timers.Count - 1);
        timer.Slot = -1;
        return true;
    }

    /// <summary>How long to wait before the restart after the failure that just happened.</summary>
    public TimeSpan NextBackoff(TimeProvider time, ActorOptions options)
    {
        var now = time.GetTimestamp();
        if (_failures > 0 && time.GetElapsedTime(_restartedAt, now) >= options.BackoffReset)
        {
            _failures = 0;
        }

        var wait = TimeSpan.Zero;
        if (_failures > 0)
        {
            // The doubling stops counting at 2^30, long after any sensible bound.
            var doubled = options.MinBackoff * Math.Pow(2, Math.Min(_failures - 1, 30));
            wait = doubled < options.MaxBackoff ? doubled : options.MaxBackoff;
        }

        _failures++;
        _restartedAt = now + (long)(wait.TotalSeconds * time.TimestampFrequency);
        return wait;
    }

    internal override void Fire(long sequence) => owner.Resume();
}
