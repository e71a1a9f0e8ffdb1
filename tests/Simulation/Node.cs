using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Simulation.Store;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Simulation;

/// <summary>A place in the cluster over all starts of its process.</summary>
internal sealed class Node
{
    private static readonly TimeSpan StartPause = TimeSpan.FromMilliseconds(300);

    private readonly World _world;
    private readonly Chance _chance;
    private bool _isCutOff;
    private TimeSpan _skew;

    public Node(World world, int number)
    {
        _world = world;
        _chance = world.Chance.Split();
        Name = $"node{number}";
        Process = new SimulatedProcess(world.Scheduler);
        Start();
    }

    public string Name { get; }

    public SimulatedProcess Process { get; private set; }

    /// <summary>Null until it has joined.</summary>
    public NodeParts? Parts { get; private set; }

    public NodeId Id => Parts?.Membership.Self.Id ?? default;

    public bool IsLeaving { get; private set; }

    public bool TakesClients => !Process.IsDead && !IsLeaving && Parts is { IsStarted: true };

    public bool IsCutOff
    {
        get => _isCutOff;
        set
        {
            _isCutOff = value;
            Parts?.CutOff(value);
        }
    }

    public TimeSpan ClockSkew
    {
        get => _skew;
        set
        {
            _skew = value;
            Process.ClockSkew = value;
        }
    }

    public void Start()
    {
        if (Parts is not null && !Process.IsDead)
        {
            return;
        }

        Process = new SimulatedProcess(_world.Scheduler) { ClockSkew = _skew };
        Parts = null;
        IsLeaving = false;
        Process.Post(() => _ = LiveAsync(Process));
    }

    public void Kill()
    {
        _world.Events.Add($"kill {Name}");
        Process.Kill();
        Parts?.Ended();
        _world.Permits.Died(Process);
    }

    public void Pause()
    {
        _world.Events.Add($"pause {Name}");
        Process.Pause();
    }

    public void Resume()
    {
        if (Process.IsPaused)
        {
            _world.Events.Add($"resume {Name}");
            Process.Resume();
        }
    }

    /// <summary>As after SIGTERM: to the end of its process.</summary>
    public async Task LeaveAsync()
    {
        _world.Events.Add($"drain {Name}");
        IsLeaving = true;
        try
        {
            var parts = Parts;
            await Process.CallAsync(() => parts!.DrainAsync());
        }
        catch (ProcessEndedException)
        {
            // It was killed on its way.
        }

        Kill();
    }

    /// <summary>Started as a service is: again when the database cannot be reached.</summary>
    private async Task LiveAsync(SimulatedProcess process)
    {
        while (true)
        {
            var parts = new NodeParts(_world, Name, process, _chance.Split());
            parts.CutOff(_isCutOff);
            Parts = parts;
            try
            {
                await parts.StartAsync();
                return;
            }
            catch (Exception failure) when (failure is StoreUnavailableException or NodeNameTakenException)
            {
                parts.Ended();
                await Task.Delay(StartPause, process.Time);
            }
        }
    }
}

/// <summary>What of the program runs in one process, put together as the program does.</summary>
internal sealed class NodeParts : IFenceTaker, IAsyncDisposable
{
    /// <summary>Backed off by no more than a run can wait for.</summary>
    private static readonly SpoolOptions SpoolPaces = new() { MaxBackoff = TimeSpan.FromSeconds(5) };

    /// <summary>A node's shards go in several batches.</summary>
    private static readonly MembershipOptions MembershipPaces = new() { BatchShards = 8 };

    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(20);

    private readonly World _world;
    private readonly SimulatedProcess _process;
    private readonly Chance _chance;
    private readonly NodeClusterStore _clusterStore;
    private readonly ILoggerFactory _log;
    private NodeLinks? _links;
    private ActorSystem? _system;
    private bool _isCutOff;

    public NodeParts(World world, string name, SimulatedProcess process, Chance chance)
    {
        _world = world;
        _process = process;
        _chance = chance;
        _log = world.LogOf(name);
        _clusterStore = new NodeClusterStore(world.Tables.Connect(), world.Database, process);
        Membership = new Membership(
            _clusterStore, new NodeRegistration(name, name + ":7000", "1.0", 1), MembershipPaces, process.Time,
            new ClusterMetrics(world.Meters), _log);
    }

    public Membership Membership { get; }

    public NodeStore Store { get; private set; } = null!;

    public MessageAcceptor Acceptor { get; private set; } = null!;

    public Maildrops Maildrops { get; private set; } = null!;

    public SourceLimits Limits { get; private set; } = null!;

    public bool IsStarted { get; private set; }

    public async Task StartAsync()
    {
        var peer = await Membership.JoinAsync(CancellationToken.None);
        var (meters, log, time) = (_world.Meters, _log, _process.Time);
        Store = new NodeStore(_world.Database, _process, peer, _chance) { IsCutOff = _isCutOff };
        _links = new NodeLinks(_world.Network, peer, _process);
        _system = new ActorSystem(_process, time, new ActorSystemOptions(), log, meters);
        var asks = new ShardAsks(_system, Membership, _links, new ShardAsksOptions(), new AskMetrics(meters), log);
        var region = new MailboxRegion(
            _system, Store, Store.Committer, new MailboxOptions(), new MailboxMetrics(meters), log, null, Membership);
        Maildrops = new Maildrops(region, asks, new MaildropLinkOptions(), new MaildropMetrics(meters));
        var spool = new Spool(_system, region, Store, SpoolPaces, new SpoolMetrics(meters), log, asks);
        Acceptor = new MessageAcceptor(
            region, spool, Store, new DeliveryOptions(), time, new DeliveryMetrics(meters), log, asks);
        Limits = new SourceLimits(_system, new SourceLimitOptions(), new LimitsMetrics(meters), log, asks);
        _links.Listen(asks);
        var residents = new ShardResidents(new MailResidents(region, spool), Limits.Residents!);
        Membership.Start(residents, _links, new MoveTells(asks, Membership), this);
        IsStarted = true;
    }

    /// <summary>Membership has joined anew.</summary>
    public Task TakeAsync(NodePeer peer)
    {
        Store.Self = peer;
        _links!.Take(peer);
        return Task.CompletedTask;
    }

    public void CutOff(bool isCutOff)
    {
        _isCutOff = isCutOff;
        _clusterStore.IsCutOff = isCutOff;
        if (IsStarted)
        {
            Store.IsCutOff = isCutOff;
        }
    }

    public async Task<bool> DrainAsync()
    {
        using var patience = new CancellationTokenSource(DrainPatience, _process.Time);
        var isDrained = await Membership.DrainAsync(patience.Token);
        await _world.Permits.ClosedAsync(_process, patience.Token);
        await DisposeAsync();
        return isDrained;
    }

    public async ValueTask DisposeAsync()
    {
        await Membership.DisposeAsync();
        if (_system is not null)
        {
            await _system.DisposeAsync();
        }
    }

    /// <summary>The process has ended: seen from outside.</summary>
    public void Ended() => _links?.Crash();
}
