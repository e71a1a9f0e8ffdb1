namespace MailCluster.Actors.Kernel;

/// <summary>
/// The address of one actor; valid for as long as the actor lives, over restarts. It is the actor's whole cost beside
/// its own state: idle, it is on no queue, and no thread, task or timer knows it.
/// </summary>
public sealed class ActorRef<TMessage> : IThreadPoolWorkItem, IActorCell
    where TMessage : class
{
    private readonly ActorKind<TMessage> _kind;
    private Mailbox<TMessage> _mailbox;
    private Actor<TMessage>? _instance;
    private ActorExtras<TMessage>? _extras;
    private int _activeIn;
    private bool _starting;
    private Passivation _passivation;

    /// <param name="kind">What it shares with others.</param>
    /// <param name="identity">Name or boxed key.</param>
    /// <param name="starts">True: the caller schedules it now, without a message, so that it starts.</param>
    internal ActorRef(ActorKind<TMessage> kind, object identity, bool starts)
    {
        _kind = kind;
        Identity = identity;
        _mailbox = new Mailbox<TMessage>(owned: starts);
        _activeIn = kind.Generation;
        _starting = true;
    }

    internal ActorSystem System => _kind.System;

    internal object Identity { get; }

    /// <summary>Index in the table of who keeps it alive.</summary>
    internal int Slot { get; set; } = -1;

    internal bool IsIdle => _mailbox.IsIdle;

    /// <summary>The <see cref="ActorKind{TMessage}.Generation"/> it last did something in.</summary>
    internal int ActiveIn => Volatile.Read(ref _activeIn);

    internal ActorExtras<TMessage> Extras
    {
        get
        {
            if (_extras is null)
            {
                Volatile.Write(ref _extras, new ActorExtras<TMessage>(this));
            }

            return _extras!;
        }
    }

    /// <summary>
    /// Puts a message into the mailbox. False when that is full or the actor has ended; the message has then been told
    /// (<see cref="IUndeliverable"/>).
    /// </summary>
    public bool Tell(TMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Accepted(TryTell(message), message);
    }

    /// <summary>
    /// For completions of work that the actor itself asked for: not subject to the bound, as the actor bounds what it
    /// asks for; lost only when the actor has ended.
    /// </summary>
    public void Notify(TMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        Accepted(TryNotify(message), message);
    }

    /// <param name="make">Makes the message that carries the reply's address.</param>
    /// <param name="deadline">After it the ask fails with <see cref="AskFailure.DeadlinePassed"/>.</param>
    /// <exception cref="AskFailedException">From the returned task: there was no reply.</exception>
    public ValueTask<TReply> Ask<TReply>(Func<ReplyTo<TReply>, TMessage> make, TimeSpan deadline) =>
        Ask<TReply, Func<ReplyTo<TReply>, TMessage>>(static (reply, make) => make(reply), make, deadline);

    /// <inheritdoc cref="Ask{TReply}(Func{ReplyTo{TReply}, TMessage}, TimeSpan)"/>
    /// <param name="state">Handed to <paramref name="make"/>, which so needs no closure.</param>
    public ValueTask<TReply> Ask<TReply, TState>(
        Func<ReplyTo<TReply>, TState, TMessage> make,
        TState state,
        TimeSpan deadline)
    {
        ArgumentNullException.ThrowIfNull(make);
        var ask = PendingAsk<TReply>.Open(System, out var reply);
        var message = make(reply, state);
        var outcome = TryTell(message);
        if (!Accepted(outcome, message))
        {
            reply.Fail(WhyRefused(outcome));
        }

        return ask.Answer(deadline);
    }

    public override string ToString() => _kind.NameOf(Identity);

    internal static AskFailure WhyRefused(PushOutcome outcome) =>
        outcome == PushOutcome.Full ? AskFailure.MailboxFull : AskFailure.Stopped;

    /// <summary>A tell without the consequences of a refusal.</summary>
    internal PushOutcome TryTell(TMessage message)
    {
        if (TryRunInline(message))
        {
            return PushOutcome.Queued;
        }

        var outcome = _mailbox.TryTell(message, _kind.Options.MailboxCapacity);
        if (outcome == PushOutcome.Wake)
        {
            System.Scheduler.Execute(this);
        }

        return outcome;
    }

    /// <summary>A notification without the consequences of a refusal.</summary>
    internal PushOutcome TryNotify(TMessage message) =>
        TryRunInline(message) ? PushOutcome.Queued : Push(new NoticeEnvelope<TMessage>(message));

    internal PushOutcome Push(Envelope<TMessage> envelope)
    {
        var outcome = _mailbox.Push(envelope);
        if (outcome == PushOutcome.Wake)
        {
            System.Scheduler.Execute(this);
        }

        return outcome;
    }

    internal bool Stash(TMessage message)
    {
        if (Extras.TryStash(message, _kind.Options.StashCapacity))
        {
            return true;
        }

        System.Undelivered(this, message, AskFailure.MailboxFull);
        return false;
    }

    internal void UnstashAll()
    {
        if (_extras is not { HasStash: true } extras)
        {
            return;
        }

        var stash = extras.TakeStash();
        for (var i = stash.Length - 1; i >= 0; i--)
        {
            _mailbox.PutFirst(new NoticeEnvelope<TMessage>(stash[i]));
        }
    }

    internal TimerHandle SetTimer(TMessage message, TimeSpan due) =>
        new(Extras.SetTimer(message, due, _kind.Options.TimersMax));

    internal void PassivateWhenEmpty() => _passivation = Passivation.WhenEmpty;

    /// <summary>The end of a back-off.</summary>
    internal void Resume() => System.Scheduler.Execute(this);

    /// <summary>Idle for long: passivates in a turn of its own. Any thread.</summary>
    internal void PassivateIfIdle()
    {
        if (_mailbox.TryClaim())
        {
            _passivation = Passivation.IfIdle;
            System.Scheduler.Execute(this);
        }
    }

    /// <summary>Makes room at once, on the caller's thread. False when it is not idle or may not.</summary>
    internal bool TryPassivateNow()
    {
        if (!_mailbox.TryClaim())
        {
            return false;
        }

        if (TryPassivate())
        {
            return true;
        }

        if (!_mailbox.TryIdle())
        {
            System.Scheduler.Execute(this);
        }

        return false;
    }

    /// <summary>The system ends: what is in the mailbox is still handled, and then the actor stops.</summary>
    void IActorCell.Stop()
    {
        Push(new StopEnvelope<TMessage>());
        if (Volatile.Read(ref _extras) is { } extras && System.Deadlines.TryRemove(extras))
        {
            Resume();
        }
    }

    /// <summary>A batch of turns. Only who owns the turn schedules it.</summary>
    void IThreadPoolWorkItem.Execute() => RunBatch();

    private void RunBatch()
    {
        for (var left = _kind.Options.TurnsPerBatch; left > 0; left--)
        {
            if (_instance is null && _starting && !TryStart())
            {
                return;
            }

            if (_mailbox.Take() is { } envelope)
            {
                if (!TryTurn(envelope))
                {
                    return;
                }

                continue;
            }

            if (_passivation != Passivation.None && TryPassivate())
            {
                return;
            }

            Volatile.Write(ref _activeIn, _kind.Generation);
            if (_mailbox.TryIdle())
            {
                return;
            }
        }

        System.Scheduler.Execute(this);
    }

    /// <summary>
    /// The message's turn here and now, without an envelope, and then those of what came meanwhile, at most a batch.
    /// False: the actor is at work, has ended or wants the pool; nothing has happened.
    /// </summary>
    private bool TryRunInline(TMessage message)
    {
        if (!_kind.RunsInline || InlineTurn.IsRunning || !_mailbox.TryClaim())
        {
            return false;
        }

        InlineTurn.IsRunning = true;
        try
        {
            if (_instance is null)
            {
                // The start may fail and back off, and then the message has to wait in its place.
                _mailbox.PutFirst(new NoticeEnvelope<TMessage>(message));
                RunBatch();
            }
            else if (TryReceive(message))
            {
                RunBatch();
            }
        }
        finally
        {
            InlineTurn.IsRunning = false;
        }

        return true;
    }

    /// <summary>False: the caller no longer owns the turn.</summary>
    private bool TryTurn(Envelope<TMessage> envelope)
    {
        if (envelope is StopEnvelope<TMessage>)
        {
            Stop();
            return false;
        }

        var timer = (envelope as TimerEnvelope<TMessage>)?.Timer;
        if (timer is { Slot: < 0 })
        {
            return true;
        }

        if (_instance is null)
        {
            _mailbox.PutFirst(envelope);
            _starting = true;
            return true;
        }

        if (timer is not null)
        {
            Extras.Forget(timer);
        }

        if (_passivation == Passivation.IfIdle)
        {
            _passivation = Passivation.None;
        }

        return TryReceive(envelope.Message!);
    }

    /// <inheritdoc cref="TryTurn"/>
    private bool TryReceive(TMessage message)
    {
        try
        {
            _instance!.Receive(message);
            return true;
        }
        catch (Exception exception)
        {
            return TryRestart(exception, message);
        }
    }

    private bool TryStart()
    {
        _starting = false;
        _passivation = Passivation.None;
        try
        {
            var instance = _kind.Create(Identity);
            instance.Bind(this);
            _instance = instance;
            instance.Started();
            return true;
        }
        catch (Exception exception)
        {
            return TryRestart(exception, null);
        }
    }

    /// <summary>
    /// After a failure. False: the caller no longer owns the turn, as the actor backs off or has stopped.
    /// </summary>
    private bool TryRestart(Exception exception, TMessage? failed)
    {
        EndInstance();
        if (failed is not null)
        {
            _extras?.Unstash(failed);
        }

        UnstashAll();
        var wait = Extras.NextBackoff(System.Time, _kind.Options);
        System.Restarting(this, exception, wait);
        if (failed is not null)
        {
            System.Undelivered(this, failed, AskFailure.Failed);
        }

        _starting = true;
        if (System.IsStopping)
        {
            // What cannot start now will not be waited for; what failed in a turn goes on to its stop.
            if (failed is null)
            {
                Stop();
            }

            return failed is not null;
        }

        if (wait == TimeSpan.Zero)
        {
            return true;
        }

        // From here on whoever takes the deadline owns the turn.
        var system = System;
        var extras = Extras;
        system.Deadlines.Add(extras, system.Deadlines.NextSequence(), wait);
        return system.IsStopping && system.Deadlines.TryRemove(extras);
    }

    /// <summary>
    /// Of an empty mailbox. True: it is closed, and the next message finds a new actor. The instance has had its last
    /// call before, so that two never work at once; when messages came meanwhile, a new instance takes them here.
    /// </summary>
    private bool TryPassivate()
    {
        if (_extras is { HasStash: true } || !InstanceAgrees())
        {
            _passivation = Passivation.None;
            Volatile.Write(ref _activeIn, _kind.Generation);
            return false;
        }

        EndInstance();
        if (!_mailbox.TryClose())
        {
            return false;
        }

        System.Passivated();
        _kind.Closed(this);
        return true;
    }

    /// <summary>An instance that throws when asked is not worth keeping.</summary>
    private bool InstanceAgrees()
    {
        try
        {
            return _instance is null or { MayPassivate: true };
        }
        catch (Exception exception)
        {
            System.StoppingFailed(this, exception);
            return true;
        }
    }

    private void Stop()
    {
        EndInstance();
        if (_extras is { HasStash: true } extras)
        {
            foreach (var message in extras.TakeStash())
            {
                System.Undelivered(this, message, AskFailure.Stopped);
            }
        }

        var rest = _mailbox.Close();
        while (rest is not null)
        {
            if (rest.Message is { } message && rest is not TimerEnvelope<TMessage>)
            {
                System.Undelivered(this, message, AskFailure.Stopped);
            }

            rest = rest.Next;
        }

        _kind.Closed(this);
    }

    private void EndInstance()
    {
        var instance = _instance;
        _instance = null;
        try
        {
            instance?.Stopping();
        }
        catch (Exception exception)
        {
            System.StoppingFailed(this, exception);
        }

        _extras?.CancelTimers();
    }

    private bool Accepted(PushOutcome outcome, TMessage message)
    {
        if (outcome is PushOutcome.Queued or PushOutcome.Wake)
        {
            return true;
        }

        System.Undelivered(this, message, WhyRefused(outcome));
        return false;
    }

    private enum Passivation : byte
    {
        None,

        /// <summary>Unless a message comes first.</summary>
        IfIdle,

        /// <summary>The actor asked for it: after all messages that are there.</summary>
        WhenEmpty,
    }
}
