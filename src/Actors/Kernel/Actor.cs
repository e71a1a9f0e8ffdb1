namespace MailCluster.Actors.Kernel;

/// <summary>
/// State with a mailbox: one message at a time, on a pool thread, never two turns at once. A turn is synchronous: it
/// neither blocks nor awaits, and what it asked for comes back later as a message (<see
/// cref="ActorRef{TMessage}.Notify"/>).
/// </summary>
public abstract class Actor<TMessage>
    where TMessage : class
{
    private ActorRef<TMessage>? _self;

    /// <summary>For use within a turn only; not yet there in the constructor.</summary>
    protected ActorContext<TMessage> Context =>
        new(_self ?? throw new InvalidOperationException("An actor has its context from Started on."));

    /// <summary>Once per instance, before its first message: begin to load from the store here.</summary>
    protected internal virtual void Started()
    {
    }

    /// <summary>An exception thrown here restarts the actor: a new instance, the same mailbox.</summary>
    protected internal abstract void Receive(TMessage message);

    /// <summary>False keeps an idle actor alive, as one that holds permits or waits for a commit.</summary>
    protected internal virtual bool MayPassivate => true;

    /// <summary>The last call an instance gets: before restart, passivation and stop.</summary>
    protected internal virtual void Stopping()
    {
    }

    internal void Bind(ActorRef<TMessage> self) => _self = self;
}
