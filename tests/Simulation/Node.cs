using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared.Cluster;
using MailCluster.Simulation.Store;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Simulation;

/// <summary>One node of the cluster over its starts: what of the program runs in it, put together as the program does.</summary>
internal sealed class Node
{
    private readonly World _world;
    private readonly int _number;

    public Node(World world, int number)
    {
        _world = world;
        _number = number;
        Start();
    }

    public string Name => $"node{_number}";

    public SimulatedProcess Process { get; private set; }

    public NodePeer Peer { get; private set; }

    public NodeStore Store { get; private set; }

    public MessageAcceptor Acceptor { get; private set; }

    public Maildrops Maildrops { get; private set; }

    public SourceLimits Limits { get; private set; }

    public bool TakesClients => !Process.IsDead;

    [System.Diagnostics.CodeAnalysis.MemberNotNull(
        nameof(Process), nameof(Store), nameof(Acceptor), nameof(Maildrops), nameof(Limits))]
    public void Start()
    {
        Process = new SimulatedProcess(_world.Scheduler);
        Peer = new NodePeer(new NodeId(_number), new Incarnation(Peer.Incarnation.Value + 1));
        Store = new NodeStore(_world.Database, Process, Peer, _world.Chance.Split());
        var meters = _world.Meters;
        var log = NullLoggerFactory.Instance;
        var system = new ActorSystem(Process, Process.Time, new ActorSystemOptions(), log, meters);
        var region = new MailboxRegion(
            system, Store, Store.Committer, new MailboxOptions(), new MailboxMetrics(meters), log);
        Maildrops = new Maildrops(region);
        Spool? spool = null;
        Process.Enter(() => spool = new Spool(
            system, region, Store, new SpoolOptions(), new SpoolMetrics(meters), log));
        Acceptor = new MessageAcceptor(
            region, spool!, new DeliveryOptions(), Process.Time, new DeliveryMetrics(meters), log);
        Limits = new SourceLimits(system, new SourceLimitOptions(), new LimitsMetrics(meters), log);
    }

    public void Kill()
    {
        Process.Kill();
        _world.Permits.Died(Peer);
    }
}
