namespace MailCluster.Actors.Kernel;

/// <summary>Of a timer that an actor set. Belongs to that actor's turns.</summary>
public readonly struct TimerHandle
{
    private readonly IActorTimer? _timer;

    internal TimerHandle(IActorTimer timer) => _timer = timer;

    /// <summary>True: the message will not come, even when it already lay in the mailbox.</summary>
    public bool Cancel() => _timer is not null && _timer.Cancel();
}

internal interface IActorTimer
{
    bool Cancel();
}
