namespace MailCluster.Actors.Kernel;

/// <summary>What an actor may do within its turn.</summary>
public readonly struct ActorContext<TMessage>
    where TMessage : class
{
    internal ActorContext(ActorRef<TMessage> self) => Self = self;

    public ActorRef<TMessage> Self { get; }

    public TimeProvider Time => Self.System.Time;

    /// <summary>
    /// Puts a message aside until <see cref="UnstashAll"/>. At <see cref="ActorOptions.StashCapacity"/> it is dropped
    /// (<see cref="AskFailure.MailboxFull"/>) and the answer is false. A restart puts the stash back into the mailbox.
    /// </summary>
    public bool Stash(TMessage message) => Self.Stash(message);

    /// <summary>The stashed messages become the next ones, in their order, before all that wait.</summary>
    public void UnstashAll() => Self.UnstashAll();

    /// <summary>
    /// The message comes once, not before <paramref name="due"/> has passed, unless cancelled. Restart, passivation and
    /// stop cancel all timers of the actor.
    /// </summary>
    public TimerHandle SetTimer(TMessage message, TimeSpan due) => Self.SetTimer(message, due);

    /// <summary>
    /// Asks for passivation as soon as the mailbox and the stash are empty and <see
    /// cref="Actor{TMessage}.MayPassivate"/> agrees. A region spawns the entity again for the next message; an actor
    /// that was spawned by name is gone.
    /// </summary>
    public void Passivate() => Self.PassivateWhenEmpty();
}
