using MailCluster.Actors.Kernel;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.Kernel;

/// <summary>A message of the tests: counts how often it was refused, and may carry an ask.</summary>
internal sealed class Letter(int number, ReplyTo<int> reply = default) : IUndeliverable
{
    private int _undelivered;

    public int Number { get; } = number;

    public ReplyTo<int> Reply { get; } = reply;

    public int UndeliveredCount => Volatile.Read(ref _undelivered);

    public AskFailure? Why { get; private set; }

    public void Undelivered(AskFailure why)
    {
        Interlocked.Increment(ref _undelivered);
        Why = why;
        Reply.Fail(why);
    }
}

/// <summary>An actor whose turns are written in the test.</summary>
internal sealed class Probe(Action<Probe, Letter> receive) : Actor<Letter>
{
    public Action<Probe>? OnStarted { get; init; }

    public Action? OnStopping { get; init; }

    public Func<bool>? AgreesToPassivate { get; init; }

    public ActorContext<Letter> Here => Context;

    protected override bool MayPassivate => AgreesToPassivate?.Invoke() ?? true;

    protected override void Started() => OnStarted?.Invoke(this);

    protected override void Receive(Letter message) => receive(this, message);

    protected override void Stopping() => OnStopping?.Invoke();
}

/// <summary>A system in virtual time.</summary>
internal sealed class Simulated
{
    public Simulated(ulong seed = 1)
    {
        Scheduler = new SeededScheduler(seed);
        System = new ActorSystem(Scheduler, Scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance);
    }

    public static TimeSpan Second { get; } = TimeSpan.FromSeconds(1);

    public SeededScheduler Scheduler { get; }

    public ActorSystem System { get; }

    public static ActorSystem OnThePool() =>
        new(ThreadPoolScheduler.Instance, TimeProvider.System, new ActorSystemOptions(), NullLoggerFactory.Instance);

    public ActorRef<Letter> Spawn(Action<Probe, Letter> receive, ActorOptions? options = null) =>
        System.Spawn<Letter>("probe", () => new Probe(receive), options ?? new ActorOptions());

    /// <summary>Numbers that the asked actor answers, or the reason as a negative number: -1 - reason.</summary>
    public static async Task<int> Outcome(ValueTask<int> ask)
    {
        try
        {
            return await ask;
        }
        catch (AskFailedException failed)
        {
            return -1 - (int)failed.Why;
        }
    }

    public void Dispose() => Scheduler.Run(() => System.DisposeAsync().AsTask());
}
