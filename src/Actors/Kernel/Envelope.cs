namespace MailCluster.Actors.Kernel;

/// <summary>A place in a mailbox. Its type says how it got there; the base type itself is only ever a mark.</summary>
internal class Envelope<TMessage>(TMessage? message)
    where TMessage : class
{
    public Envelope<TMessage>? Next { get; set; }

    public TMessage? Message { get; } = message;
}

/// <summary>By a tell: counts against the mailbox's bound.</summary>
internal sealed class ToldEnvelope<TMessage>(TMessage message) : Envelope<TMessage>(message)
    where TMessage : class;

/// <summary>By a notify or back from the stash: outside of the bound.</summary>
internal sealed class NoticeEnvelope<TMessage>(TMessage message) : Envelope<TMessage>(message)
    where TMessage : class;

/// <summary>By a timer, which may have been cancelled since.</summary>
internal sealed class TimerEnvelope<TMessage>(ActorTimer<TMessage> timer) : Envelope<TMessage>(timer.Message)
    where TMessage : class
{
    public ActorTimer<TMessage> Timer { get; } = timer;
}

/// <summary>The end of the actor; what came before it is still handled.</summary>
internal sealed class StopEnvelope<TMessage>() : Envelope<TMessage>(null)
    where TMessage : class;
