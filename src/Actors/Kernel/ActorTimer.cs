namespace MailCluster.Actors.Kernel;

/// <summary>One timer of one actor. All but <see cref="Fire"/> belongs to the actor's turns.</summary>
internal sealed class ActorTimer<TMessage>(ActorRef<TMessage> owner, TMessage message) : Deadline, IActorTimer
    where TMessage : class
{
    public TMessage Message { get; } = message;

    /// <summary>Index in the actor's list of timers, -1 when delivered or cancelled.</summary>
    public int Slot { get; set; } = -1;

    public bool Cancel() => owner.Extras.CancelTimer(this);

    internal override void Fire(long sequence) => owner.Push(new TimerEnvelope<TMessage>(this));
}
