using System.Collections.Concurrent;

namespace MailCluster.Actors.Kernel;

/// <summary>
/// Actors by key: spawned by the first message, passivated when idle, spawned again by the next message. A message is
/// never lost between the two, and two actors of one key never run at once.
/// </summary>
public sealed class ShardRegion<TKey, TMessage> : IActorCell
    where TKey : notnull
    where TMessage : class
{
    /// <summary>Tries at the bound before a new entity is refused.</summary>
    private const int EvictionTriesMax = 4;

    /// <summary>Places looked at per try: in a region this small the longest idle entity is found exactly.</summary>
    private const int EvictionSample = 64;

    [ThreadStatic]
    private static bool t_evicts;

    private readonly ConcurrentDictionary<TKey, ActorRef<TMessage>> _byKey;
    private readonly SlotTable<ActorRef<TMessage>> _table = new();
    private readonly Lock _gate = new();
    private readonly ActorSystem _system;
    private readonly EntityKind _kind;
    private readonly string _name;
    private readonly IdleSweep<TKey, TMessage> _sweep;
    private int _hand;

    /// <param name="system">Whose actors they are.</param>
    /// <param name="name">For logs.</param>
    /// <param name="factory">Makes each instance.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="comparer">One with a secret, when others choose the keys; null: the keys' own.</param>
    public ShardRegion(
        ActorSystem system,
        string name,
        Func<TKey, Actor<TMessage>> factory,
        ActorOptions options,
        IEqualityComparer<TKey>? comparer = null)
    {
        _byKey = new ConcurrentDictionary<TKey, ActorRef<TMessage>>(comparer);
        _system = system;
        _name = name;
        _kind = new EntityKind(this, factory, options.Checked());
        _sweep = new IdleSweep<TKey, TMessage>(this, system, options.IdleTimeout);
        system.Add(this);
    }

    /// <summary>Entities alive.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _table.Count;
            }
        }
    }

    /// <inheritdoc cref="ActorRef{TMessage}.Tell"/>
    public bool Tell(TKey key, TMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var outcome = TryTell(key, message);
        if (outcome is PushOutcome.Queued or PushOutcome.Wake)
        {
            return true;
        }

        _system.Undelivered(this, message, ActorRef<TMessage>.WhyRefused(outcome));
        return false;
    }

    /// <summary>
    /// As <see cref="ActorRef{TMessage}.Notify"/>, to an entity that is alive; one that is not does not miss it and is
    /// not spawned. False: there was none.
    /// </summary>
    public bool NotifyAlive(TKey key, TMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return _byKey.TryGetValue(key, out var entity) && entity.TryNotify(message) != PushOutcome.Closed;
    }

    /// <summary>As <see cref="NotifyAlive"/>, to all that are alive and meant, each its own message.</summary>
    /// <param name="make">Null: this one is not meant.</param>
    public void NotifyAll(Func<TKey, TMessage?> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        ActorRef<TMessage>[] all;
        lock (_gate)
        {
            all = _table.ToArray();
        }

        foreach (var entity in all)
        {
            if (make((TKey)entity.Identity) is { } message)
            {
                entity.TryNotify(message);
            }
        }
    }

    /// <inheritdoc cref="ActorRef{TMessage}.Ask{TReply, TState}"/>
    public ValueTask<TReply> Ask<TReply, TState>(
        TKey key,
        Func<ReplyTo<TReply>, TState, TMessage> make,
        TState state,
        TimeSpan deadline)
    {
        ArgumentNullException.ThrowIfNull(make);
        var ask = PendingAsk<TReply>.Open(_system, out var reply);
        var message = make(reply, state);
        var outcome = TryTell(key, message);
        if (outcome is not (PushOutcome.Queued or PushOutcome.Wake))
        {
            var why = ActorRef<TMessage>.WhyRefused(outcome);
            _system.Undelivered(this, message, why);
            reply.Fail(why);
        }

        return ask.Answer(deadline);
    }

    public override string ToString() => _name;

    void IActorCell.Stop()
    {
        ActorRef<TMessage>[] all;
        lock (_gate)
        {
            all = _table.ToArray();
        }

        foreach (IActorCell entity in all)
        {
            entity.Stop();
        }
    }

    /// <summary>
    /// Entities in a range of places that did nothing since a generation; gives the next place, 0 at the end.
    /// </summary>
    internal int IdleSince(int generation, int from, int places, List<ActorRef<TMessage>> idle)
    {
        lock (_gate)
        {
            var to = Math.Min(from + places, _table.Length);
            for (var slot = from; slot < to; slot++)
            {
                if (_table[slot] is { IsIdle: true } entity && entity.ActiveIn <= generation)
                {
                    idle.Add(entity);
                }
            }

            return to < _table.Length ? to : 0;
        }
    }

    private PushOutcome TryTell(TKey key, TMessage message)
    {
        while (true)
        {
            if (!_byKey.TryGetValue(key, out var entity))
            {
                if (!TrySpawn(key, out entity))
                {
                    return _system.IsStopping ? PushOutcome.Closed : PushOutcome.Full;
                }
            }

            var outcome = entity.TryTell(message);
            if (outcome != PushOutcome.Closed)
            {
                return outcome;
            }

            // It has passivated between the two steps; whoever sees it first takes it off the map.
            Forget(entity);
        }
    }

    private bool TrySpawn(TKey key, out ActorRef<TMessage> entity)
    {
        for (var tries = 0; ; tries++)
        {
            ActorRef<TMessage>? longestIdle;
            lock (_gate)
            {
                if (_byKey.TryGetValue(key, out entity!))
                {
                    return true;
                }

                if (_system.IsStopping)
                {
                    return false;
                }

                if (_table.Count < _kind.Options.EntitiesMax)
                {
                    entity = new ActorRef<TMessage>(_kind, key, starts: false);
                    entity.Slot = _table.Add(entity);
                    _byKey[key] = entity;
                    _system.BecameAlive();
                    _sweep.Ensure();
                    return true;
                }

                longestIdle = LongestIdle();
            }

            if (tries == EvictionTriesMax || longestIdle is null || !TryEvict(longestIdle))
            {
                return false;
            }
        }
    }

    /// <summary>Outside of the lock, as the entity's own code runs. True: try again.</summary>
    private static bool TryEvict(ActorRef<TMessage> entity)
    {
        // The last call of one entity that itself wakes a new one must not evict in turn without end.
        if (t_evicts)
        {
            return false;
        }

        t_evicts = true;
        try
        {
            entity.TryPassivateNow();
            return true;
        }
        finally
        {
            t_evicts = false;
        }
    }

    private ActorRef<TMessage>? LongestIdle()
    {
        ActorRef<TMessage>? longest = null;
        var sample = Math.Min(EvictionSample, _table.Length);
        for (var i = 0; i < sample; i++)
        {
            _hand = _hand + 1 < _table.Length ? _hand + 1 : 0;
            if (_table[_hand] is { IsIdle: true } entity && (longest is null || entity.ActiveIn < longest.ActiveIn))
            {
                longest = entity;
            }
        }

        // The next try begins behind this one, so that one that may not go does not hide the others.
        _hand = longest?.Slot ?? _hand;
        return longest;
    }

    private void Forget(ActorRef<TMessage> entity)
    {
        lock (_gate)
        {
            if (_table.Remove(entity, entity.Slot))
            {
                _byKey.TryRemove((TKey)entity.Identity, out _);
            }
        }
    }

    private sealed class EntityKind(
        ShardRegion<TKey, TMessage> region,
        Func<TKey, Actor<TMessage>> factory,
        ActorOptions options) : ActorKind<TMessage>(region._system, options)
    {
        public override int Generation => region._sweep.Generation;

        public override Actor<TMessage> Create(object identity) => factory((TKey)identity);

        public override string NameOf(object identity) => $"{region._name}/{identity}";

        public override void Closed(ActorRef<TMessage> actor)
        {
            region.Forget(actor);
            System.ActorEnded();
        }
    }
}
