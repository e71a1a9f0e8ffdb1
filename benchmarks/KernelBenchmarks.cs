using BenchmarkDotNet.Attributes;
using MailCluster.Actors.Kernel;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Benchmarks;

/// <summary>
/// Tells and asks on the real pool. For one core: taskset -c 1 dotnet run -c Release --project benchmarks --
/// --filter '*Kernel*' --job short --inProcess
/// </summary>
[MemoryDiagnoser]
public class KernelBenchmarks : IAsyncDisposable
{
    private const int Tells = 100_000;
    private const int Asks = 10_000;
    private const int Callers = 20;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Number _number = new(1, default);
    private ActorSystem _system = null!;
    private ActorRef<Number> _counter = null!;
    private ActorRef<Number> _echo = null!;
    private ShardRegion<int, Number> _region = null!;
    private ShardRegion<int, Number> _inline = null!;
    private SemaphoreSlim _counted = null!;

    [GlobalSetup]
    public void Setup()
    {
        _counted = new SemaphoreSlim(0);
        _system = new ActorSystem(
            ThreadPoolScheduler.Instance, TimeProvider.System, new ActorSystemOptions(), NullLoggerFactory.Instance);
        _counter = _system.Spawn<Number>(
            "counter", () => new Counter(_counted), new ActorOptions { MailboxCapacity = Tells });
        _echo = _system.Spawn<Number>("echo", () => new Echo(), new ActorOptions());
        _region = new ShardRegion<int, Number>(_system, "echoes", _ => new Echo(), new ActorOptions());
        _inline = new ShardRegion<int, Number>(
            _system, "inline", _ => new Echo(), new ActorOptions { RunsInline = true });
    }

    [GlobalCleanup]
    public Task Cleanup() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _system.DisposeAsync();
        _counted.Dispose();
    }

    /// <summary>One sender, one actor; until all are handled.</summary>
    [Benchmark(OperationsPerInvoke = Tells)]
    public Task Tell()
    {
        for (var i = 0; i < Tells; i++)
        {
            _counter.Tell(_number);
        }

        return _counted.WaitAsync();
    }

    /// <summary>One caller that awaits each reply: two hops over the pool per ask.</summary>
    [Benchmark(OperationsPerInvoke = Asks)]
    public Task<int> AskInTurn() => Task.Run(() => AskMany(Asks));

    /// <summary>As sessions do: several callers, each with one ask outstanding.</summary>
    [Benchmark(OperationsPerInvoke = Asks)]
    public Task AskFromTwentyCallers()
    {
        var callers = new Task[Callers];
        for (var i = 0; i < Callers; i++)
        {
            callers[i] = Task.Run(() => AskMany(Asks / Callers));
        }

        return Task.WhenAll(callers);
    }

    /// <summary>The same to entities of a region.</summary>
    [Benchmark(OperationsPerInvoke = Asks)]
    public Task AskEntitiesFromTwentyCallers()
    {
        var callers = new Task[Callers];
        for (var i = 0; i < Callers; i++)
        {
            var key = i;
            callers[i] = Task.Run(() => AskEntity(_region, key, Asks / Callers));
        }

        return Task.WhenAll(callers);
    }

    /// <summary>One caller and an idle entity, whose turn the caller runs itself.</summary>
    [Benchmark(OperationsPerInvoke = Asks)]
    public Task<int> AskInlineEntity() => AskEntity(_inline, 7, Asks);

    private async Task<int> AskMany(int times)
    {
        var sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += await _echo.Ask<int, int>(static (reply, value) => new Number(value, reply), i, Deadline);
        }

        return sum;
    }

    private static async Task<int> AskEntity(ShardRegion<int, Number> region, int key, int times)
    {
        var sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += await region.Ask<int, int>(key, static (reply, value) => new Number(value, reply), i, Deadline);
        }

        return sum;
    }

    private sealed record Number(int Value, ReplyTo<int> Reply);

    private sealed class Counter(SemaphoreSlim counted) : Actor<Number>
    {
        private int _count;

        protected override void Receive(Number message)
        {
            _count += message.Value;
            if (_count == Tells)
            {
                _count = 0;
                counted.Release();
            }
        }
    }

    private sealed class Echo : Actor<Number>
    {
        protected override void Receive(Number message) => message.Reply.Reply(message.Value);
    }
}
