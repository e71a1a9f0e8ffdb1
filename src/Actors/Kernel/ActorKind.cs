namespace MailCluster.Actors.Kernel;

/// <summary>What actors of one region, or one actor spawned by name, have in common.</summary>
internal abstract class ActorKind<TMessage>(ActorSystem system, ActorOptions options)
    where TMessage : class
{
    public ActorSystem System { get; } = system;

    public ActorOptions Options { get; } = options;

    /// <summary>Tellers may run turns themselves.</summary>
    public bool RunsInline { get; } = options.RunsInline && !system.Scheduler.IsDeterministic;

    /// <summary>Coarse time: counts the idle sweeps.</summary>
    public virtual int Generation => 0;

    public abstract Actor<TMessage> Create(object identity);

    /// <summary>For logs.</summary>
    public abstract string NameOf(object identity);

    /// <summary>The actor has ended; its mailbox takes no more. Within its last turn.</summary>
    public abstract void Closed(ActorRef<TMessage> actor);
}

/// <summary>The kind of an actor that was spawned by name, which is its identity.</summary>
internal sealed class SpawnedKind<TMessage>(ActorSystem system, ActorOptions options, Func<Actor<TMessage>> factory)
    : ActorKind<TMessage>(system, options)
    where TMessage : class
{
    public override Actor<TMessage> Create(object identity) => factory();

    public override string NameOf(object identity) => (string)identity;

    public override void Closed(ActorRef<TMessage> actor) => System.Ended(actor);
}
