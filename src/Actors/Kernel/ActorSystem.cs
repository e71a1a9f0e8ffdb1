using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Kernel;

/// <summary>All actors of a node: their scheduler, their time, their end.</summary>
public sealed class ActorSystem : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly SlotTable<IActorCell> _spawned = new();
    private readonly List<IActorCell> _regions = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger _logger;
    private readonly ActorsMetrics _metrics;
    private int _alive = 1;
    private volatile bool _isStopping;

    /// <param name="scheduler">Where turns run.</param>
    /// <param name="time">For timers, deadlines and back-off; the seeded scheduler's own in tests.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="log">One category for all actors.</param>
    /// <param name="meters">Null: a meter of the same name outside of any factory.</param>
    public ActorSystem(
        IActorScheduler scheduler,
        TimeProvider time,
        ActorSystemOptions options,
        ILoggerFactory log,
        IMeterFactory? meters = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.DeadlinesMax, 1);
        Scheduler = scheduler;
        Time = time;
        Options = options;
        Deadlines = new Deadlines(time);
        _logger = log.CreateLogger("MailCluster.Actors");
        _metrics = new ActorsMetrics(meters);
    }

    public TimeProvider Time { get; }

    internal IActorScheduler Scheduler { get; }

    internal ActorSystemOptions Options { get; }

    internal Deadlines Deadlines { get; }

    internal bool IsStopping => _isStopping;

    /// <summary>Actors alive, spawned or of regions.</summary>
    public int Count => Math.Max(Volatile.Read(ref _alive) - (_isStopping ? 0 : 1), 0);

    /// <summary>Asks, timers, back-offs and idle sweeps that wait for their time.</summary>
    public int DeadlineCount => Deadlines.Count;

    /// <summary>Starts an actor that lives until it passivates itself or the system ends.</summary>
    /// <param name="name">For logs; need not be unique.</param>
    /// <param name="factory">Makes each instance: the first and one per restart.</param>
    /// <param name="options">Bounds.</param>
    /// <exception cref="ObjectDisposedException">The system has ended or ends.</exception>
    public ActorRef<TMessage> Spawn<TMessage>(string name, Func<Actor<TMessage>> factory, ActorOptions options)
        where TMessage : class
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(factory);
        ArgumentNullException.ThrowIfNull(options);
        var kind = new SpawnedKind<TMessage>(this, options.Checked(), factory);
        var actor = new ActorRef<TMessage>(kind, name, starts: true);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            actor.Slot = _spawned.Add(actor);
            BecameAlive();
        }

        Scheduler.Execute(actor);
        return actor;
    }

    /// <summary>
    /// Refuses new actors, lets the living handle what is in their mailboxes, stops them, fails the asks that nobody
    /// answered, and is complete when all is done.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Begin() is { } cells)
        {
            foreach (var cell in cells)
            {
                cell.Stop();
            }

            BecameEnded();
        }

        await _ended.Task;
        Deadlines.Dispose();
        _metrics.Dispose();
    }

    internal void Add(IActorCell region)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            _regions.Add(region);
        }
    }

    internal void BecameAlive()
    {
        Interlocked.Increment(ref _alive);
        _metrics.Alive(1);
    }

    internal void Ended<TMessage>(ActorRef<TMessage> actor)
        where TMessage : class
    {
        lock (_gate)
        {
            _spawned.Remove(actor, actor.Slot);
        }

        ActorEnded();
    }

    internal void ActorEnded()
    {
        _metrics.Alive(-1);
        BecameEnded();
    }

    internal void Passivated() => _metrics.Passivated();

    internal void Restarting<TMessage>(ActorRef<TMessage> actor, Exception exception, TimeSpan wait)
        where TMessage : class
    {
        _metrics.Restarted();
        ActorsLog.Restarting(_logger, actor, wait, exception);
    }

    internal void StoppingFailed<TMessage>(ActorRef<TMessage> actor, Exception exception)
        where TMessage : class =>
        ActorsLog.StoppingFailed(_logger, actor, exception);

    internal void Undelivered(object to, object message, AskFailure why)
    {
        _metrics.Undelivered(why);
        ActorsLog.Undelivered(_logger, to, message.GetType(), why);
        if (message is not IUndeliverable undeliverable)
        {
            return;
        }

        try
        {
            undeliverable.Undelivered(why);
        }
        catch (Exception exception)
        {
            ActorsLog.UndeliveredFailed(_logger, to, message.GetType(), exception);
        }
    }

    private IActorCell[]? Begin()
    {
        lock (_gate)
        {
            if (_isStopping)
            {
                return null;
            }

            _isStopping = true;
            return [.. _spawned.ToArray(), .. _regions];
        }
    }

    private void BecameEnded()
    {
        if (Interlocked.Decrement(ref _alive) == 0)
        {
            _ended.TrySetResult();
        }
    }
}
