using System.Threading.Tasks.Sources;

namespace MailCluster.Actors.Kernel;

/// <summary>
/// An ask that waits, pooled. <c>_open</c> holds the token of the ask in flight, 0 when it is decided: reply, failure
/// and deadline compete for it, and one that comes with the token of an earlier use finds it changed.
/// </summary>
internal sealed class PendingAsk<TReply> : Deadline, IValueTaskSource<TReply>, IThreadPoolWorkItem
{
    private const int PooledPerThreadMax = 64;

    [ThreadStatic]
    private static PendingAsk<TReply>? t_pooled;

    [ThreadStatic]
    private static int t_pooledCount;

    private ManualResetValueTaskSourceCore<TReply> _source;
    private ActorSystem? _system;
    private PendingAsk<TReply>? _nextPooled;
    private TReply? _value;
    private AskFailure? _failure;
    private long _open;

    /// <summary>Before the message is told; <see cref="Answer"/> follows on the same thread.</summary>
    public static PendingAsk<TReply> Open(ActorSystem system, out ReplyTo<TReply> replyTo)
    {
        var ask = t_pooled;
        if (ask is null)
        {
            ask = new PendingAsk<TReply>();
        }
        else
        {
            t_pooled = ask._nextPooled;
            t_pooledCount--;
            ask._nextPooled = null;
        }

        ask._system = system;
        ask._source.RunContinuationsAsynchronously = !system.Scheduler.IsDeterministic;
        var token = system.Deadlines.NextSequence();
        Volatile.Write(ref ask._open, token);
        replyTo = new ReplyTo<TReply>(ask, token);
        return ask;
    }

    /// <summary>After the message was told. The deadline runs from now, unless the reply is there already.</summary>
    public ValueTask<TReply> Answer(TimeSpan deadline)
    {
        var token = Volatile.Read(ref _open);
        if (token != 0)
        {
            Arm(token, deadline);
        }

        return new ValueTask<TReply>(this, _source.Version);
    }

    public void Reply(long token, TReply value)
    {
        if (TryDecide(token))
        {
            _value = value;
            Complete();
        }
    }

    public void Fail(long token, AskFailure why)
    {
        if (TryDecide(token))
        {
            _failure = why;
            Complete();
        }
    }

    internal override void Fire(long sequence) => Fail(sequence, AskFailure.DeadlinePassed);

    internal override void Abandon(long sequence) => Fail(sequence, AskFailure.Stopped);

    void IThreadPoolWorkItem.Execute() => Publish();

    TReply IValueTaskSource<TReply>.GetResult(short token)
    {
        // Throws for a wrong token before anything is given back.
        if (_source.GetStatus(token) == ValueTaskSourceStatus.Pending)
        {
            throw new InvalidOperationException("The ask is not answered yet.");
        }

        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            Recycle();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TReply>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<TReply>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Arm(long token, TimeSpan deadline)
    {
        var deadlines = _system!.Deadlines;
        if (deadlines.Count >= _system.Options.DeadlinesMax)
        {
            Fail(token, AskFailure.MailboxFull);
        }
        else if (!deadlines.TryAdd(this, token, deadline))
        {
            Fail(token, AskFailure.Stopped);
        }
        else if (Volatile.Read(ref _open) != token)
        {
            // Decided meanwhile, perhaps before the deadline was there to be removed.
            deadlines.TryRemove(this);
        }
    }

    private bool TryDecide(long token) => Interlocked.CompareExchange(ref _open, 0, token) == token;

    private void Complete()
    {
        var system = _system!;
        system.Deadlines.TryRemove(this);
        if (system.Scheduler.IsDeterministic)
        {
            system.Scheduler.Execute(this);
        }
        else
        {
            Publish();
        }
    }

    private void Publish()
    {
        if (_failure is { } why)
        {
            _source.SetException(new AskFailedException(why));
        }
        else
        {
            _source.SetResult(_value!);
        }
    }

    private void Recycle()
    {
        _source.Reset();
        _system = null;
        _value = default;
        _failure = null;
        if (t_pooledCount < PooledPerThreadMax)
        {
            _nextPooled = t_pooled;
            t_pooled = this;
            t_pooledCount++;
        }
    }
}
