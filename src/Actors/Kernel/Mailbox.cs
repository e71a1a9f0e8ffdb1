namespace MailCluster.Actors.Kernel;

internal enum PushOutcome
{
    /// <summary>The actor runs or is scheduled and will find it.</summary>
    Queued,

    /// <summary>The actor was idle: whoever pushed schedules it.</summary>
    Wake,

    Full,

    Closed,
}

/// <summary>
/// Many push, one takes. Contents and scheduling state are one word, <c>_inbox</c>, changed only by compare-and-swap:
/// null = idle, nobody runs; <see cref="Busy"/> = someone owns the turn, nothing new; <see cref="Shut"/> = closed for
/// good; else = someone owns the turn and this is the newest of a list of new envelopes. Who moves the word away from
/// null owns the turn, until it moves the word back. So a wake-up can neither be lost nor doubled, and a mailbox can
/// only be closed when it is empty.
/// </summary>
internal struct Mailbox<TMessage>(bool owned)
    where TMessage : class
{
    private static readonly Envelope<TMessage> Busy = new(null);
    private static readonly Envelope<TMessage> Shut = new(null);

    private Envelope<TMessage>? _inbox = owned ? Busy : null;
    private Envelope<TMessage>? _pending;
    private int _told;

    public readonly bool IsIdle => Volatile.Read(in _inbox) is null;

    /// <summary>Within the bound. Any thread.</summary>
    public PushOutcome TryTell(TMessage message, int capacity)
    {
        if (Interlocked.Increment(ref _told) > capacity)
        {
            Interlocked.Decrement(ref _told);
            return ReferenceEquals(Volatile.Read(ref _inbox), Shut) ? PushOutcome.Closed : PushOutcome.Full;
        }

        var outcome = Push(new ToldEnvelope<TMessage>(message));
        if (outcome == PushOutcome.Closed)
        {
            Interlocked.Decrement(ref _told);
        }

        return outcome;
    }

    /// <summary>Outside of the bound. Any thread. Never <see cref="PushOutcome.Full"/>.</summary>
    public PushOutcome Push(Envelope<TMessage> envelope)
    {
        var head = Volatile.Read(ref _inbox);
        while (!ReferenceEquals(head, Shut))
        {
            envelope.Next = ReferenceEquals(head, Busy) ? null : head;
            var seen = Interlocked.CompareExchange(ref _inbox, envelope, head);
            if (ReferenceEquals(seen, head))
            {
                return head is null ? PushOutcome.Wake : PushOutcome.Queued;
            }

            head = seen;
        }

        return PushOutcome.Closed;
    }

    /// <summary>Idle → owned. Any thread; true makes the caller the owner of the turn.</summary>
    public bool TryClaim() => Interlocked.CompareExchange(ref _inbox, Busy, null) is null;

    /// <summary>The oldest envelope. Owner of the turn only, as all below.</summary>
    public Envelope<TMessage>? Take()
    {
        if (_pending is null)
        {
            if (ReferenceEquals(Volatile.Read(ref _inbox), Busy))
            {
                return null;
            }

            _pending = Reversed(Interlocked.Exchange(ref _inbox, Busy));
        }

        var envelope = _pending!;
        _pending = envelope.Next;
        envelope.Next = null;
        if (envelope is ToldEnvelope<TMessage>)
        {
            Interlocked.Decrement(ref _told);
        }

        return envelope;
    }

    /// <summary>The envelope becomes the next one; it no longer counts against the bound.</summary>
    public void PutFirst(Envelope<TMessage> envelope)
    {
        if (envelope is ToldEnvelope<TMessage>)
        {
            envelope = new NoticeEnvelope<TMessage>(envelope.Message!);
        }

        envelope.Next = _pending;
        _pending = envelope;
    }

    /// <summary>Owned → idle. False: something new has come, the caller still owns the turn.</summary>
    public bool TryIdle() => _pending is null && Replace(Busy, null);

    /// <summary>Owned → closed. False: something new has come, the caller still owns the turn.</summary>
    public bool TryClose() => _pending is null && Replace(Busy, Shut);

    /// <summary>Closes it and gives what was in it, oldest first.</summary>
    public Envelope<TMessage>? Close()
    {
        var newer = Interlocked.Exchange(ref _inbox, Shut);
        var rest = ReferenceEquals(newer, Busy) ? null : Reversed(newer);
        if (_pending is null)
        {
            return rest;
        }

        var oldest = _pending;
        var last = oldest;
        while (last.Next is { } next)
        {
            last = next;
        }

        last.Next = rest;
        _pending = null;
        return oldest;
    }

    private bool Replace(Envelope<TMessage> from, Envelope<TMessage>? to) =>
        ReferenceEquals(Interlocked.CompareExchange(ref _inbox, to, from), from);

    private static Envelope<TMessage>? Reversed(Envelope<TMessage>? newest)
    {
        Envelope<TMessage>? oldest = null;
        while (newest is not null)
        {
            var older = newest.Next;
            newest.Next = oldest;
            oldest = newest;
            newest = older;
        }

        return oldest;
    }
}
