using MailCluster.LoadTest.Clients;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest;

/// <summary>The part of a run that lives on the loop: clients, their arrivals, the end.</summary>
internal sealed class LoadDrive : WheelTimer
{
    private const long Second = 1_000_000_000;

    private readonly RunContext _run;
    private readonly Scenario _scenario;
    private readonly TimeSpan _grace;
    private readonly Action<RunSecond> _second;
    private readonly List<(ClientPlan Plan, IClients Clients, OperationMeter Meter)> _clients = [];
    private readonly List<ArrivalTimer> _arrivals = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly EndTimer _end;
    private long _origin;
    private TimeSpan _cpu;
    private long _rowAt;
    private double _serverCpu = double.NaN;
    private long _serverMemory;

    public LoadDrive(RunContext run, Scenario scenario, TimeSpan grace, Action<RunSecond> second)
    {
        _run = run;
        _scenario = scenario;
        _grace = grace;
        _second = second;
        _end = new EndTimer(this);
        foreach (var plan in scenario.Clients)
        {
            var meter = new OperationMeter(plan.Name);
            _clients.Add((plan, Make(plan, meter), meter));
        }
    }

    /// <summary>No operation is open, or the grace is over.</summary>
    public Task Ended => _ended.Task;

    public IEnumerable<OperationTotal> Totals => _clients.Select(entry => new OperationTotal(
        entry.Plan.Name, entry.Plan.Kind, entry.Meter.Arrived, entry.Meter.DoneCount, entry.Meter.FailedCount,
        entry.Meter.NotBegun,
        entry.Meter.Arrived - entry.Meter.DoneCount - entry.Meter.FailedCount - entry.Meter.NotBegun,
        entry.Meter.Octets, entry.Meter.Latency));

    public IEnumerable<ReasonCount> Reasons => _clients.SelectMany(entry => entry.Meter.Reasons);

    /// <summary>Sets what the next second says of the servers.</summary>
    public void SetServer(double cores, long memory) => (_serverCpu, _serverMemory) = (cores, memory);

    /// <summary>On the loop, as all that follows.</summary>
    public void Start()
    {
        _origin = _run.Loop.ReadClock();
        _rowAt = _origin;
        _cpu = Environment.CpuUsage.TotalTime;
        foreach (var (plan, clients, meter) in _clients)
        {
            clients.Start();
            if (plan.Arrivals is { } arrivals)
            {
                var random = new Random(unchecked((_scenario.Seed * 31) + _arrivals.Count + 1));
                var timer = new ArrivalTimer(
                    _run.Loop, new ArrivalProcess(arrivals, _scenario.Duration, random), clients, meter, _origin);
                _arrivals.Add(timer);
                timer.Start();
            }
        }

        _run.Loop.Wheel.Set(this, _origin + Second);
        _run.Loop.Wheel.Set(_end, _origin + (_scenario.Duration.Ticks * 100));
    }

    /// <summary>The arrivals are over, or somebody wants the end.</summary>
    public void Stop()
    {
        if (_run.IsStopping)
        {
            return;
        }

        _run.IsStopping = true;
        foreach (var timer in _arrivals)
        {
            _run.Loop.Wheel.Clear(timer);
        }

        foreach (var (_, clients, _) in _clients)
        {
            clients.Stop();
        }

        _end.GraceEnds = _run.Loop.Now + (_grace.Ticks * 100);
        _run.Loop.Wheel.Set(_end, _run.Loop.Now);
    }

    /// <summary>Ends a second.</summary>
    public override void Fire()
    {
        var now = _run.Loop.Now;
        var cpu = Environment.CpuUsage.TotalTime;
        var lag = _arrivals.Count == 0 ? 0 : _arrivals.Max(timer => timer.TakeLag());
        var busy = (cpu - _cpu).TotalNanoseconds / (now - _rowAt);
        _second(new RunSecond(
            (now - _origin) / 1e9, [.. _clients.Select(entry => entry.Meter.EndSecond())], _run.Connections,
            Math.Max(busy, 0), lag / 1000, _serverCpu, _serverMemory));
        _cpu = cpu;
        _rowAt = now;
        if (_run.Fault is { } fault)
        {
            _ended.TrySetException(fault);
        }

        if (!_ended.Task.IsCompleted)
        {
            _run.Loop.Wheel.Set(this, Due + Second > now ? Due + Second : now + Second);
        }
    }

    private IClients Make(ClientPlan plan, OperationMeter meter) => plan.Kind switch
    {
        ClientKind.Inbound or ClientKind.Submission => plan.Connections == ConnectionUse.Kept
            ? new KeptSenders(_run, plan, meter)
            : new EachSenders(_run, plan, meter),
        ClientKind.Pop3 => new Pollers(_run, plan, meter),
        ClientKind.Hostile => new Strangers(_run, plan, meter),
        _ => new StayingClients(_run, plan, meter),
    };

    /// <summary>First the end of the arrivals, then a look every 10 ms whether all is done.</summary>
    private sealed class EndTimer(LoadDrive drive) : WheelTimer
    {
        private const long Look = 10_000_000;

        public long GraceEnds { get; set; }

        public override void Fire()
        {
            if (!drive._run.IsStopping)
            {
                drive.Stop();
                return;
            }

            if (drive._run.Running == 0 || drive._run.Loop.Now > GraceEnds)
            {
                drive._ended.TrySetResult();
                return;
            }

            drive._run.Loop.Wheel.Set(this, drive._run.Loop.Now + Look);
        }
    }
}
