using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Simulation.Store;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Simulation;

/// <summary>Everything of one run: nodes, clients, network, database, and what is known of them from outside.</summary>
internal sealed class World
{
    /// <summary>
    /// Those below are there, and only what lies in them is used: a node's work for its table is most of a run.
    /// </summary>
    public const int Shards = 48;

    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _broken = new();
    private readonly TextWriter? _trace;

    public World(ulong seed, TextWriter? trace, Planted planted)
    {
        _trace = trace;
        Planted = planted;
        Chance = new Chance(seed);
        Plan = Plan.Draw(Chance.Split());
        Scheduler = new SeededScheduler(seed);
        Events = new Events(Scheduler, trace);
        Tables = new SimulatedClusterDatabase(Scheduler, Chance.Between(1, 1_000_000), Shards);
        Mail = new MailLedger(Tables.Find, Events);
        Permits = new PermitLedger(Events);
        Database = new MailDatabase(Scheduler, Tables, Chance.Split(), Committed, Break)
        {
            HasNoFence = planted == Planted.NoFence,
            Rows = new MailRows
            {
                KeepsEvery = planted == Planted.SpoolClaimedTwice ? 20 : 0,
                TakesBodiesAgain = planted == Planted.BodyTakenTwice,
            },
        };
        Mailboxes = 
        [
            .. Enumerable.Range(1, 10_000).Select(number => new MailboxId(number))
                .Where(mailbox => mailbox.Shard < Shards).Take(Plan.MailboxesOfTenants.Sum()),
        ];
        foreach (var mailbox in Mailboxes)
        {
            Mail.Add(mailbox);
            Database.Rows.Add(mailbox);
        }

        Network = new SimulatedNetwork(Scheduler, Chance.Between(1, 1_000_000));
        Clients = new Clients(this);
        Faults = new Faults(this);
    }

    public Chance Chance { get; }

    public Plan Plan { get; }

    public Planted Planted { get; }

    public SeededScheduler Scheduler { get; }

    public Events Events { get; }

    public SimulatedClusterDatabase Tables { get; }

    public MailDatabase Database { get; }

    public SimulatedNetwork Network { get; }

    public MailLedger Mail { get; }

    public PermitLedger Permits { get; }

    public ImmutableArray<MailboxId> Mailboxes { get; }

    public IMeterFactory Meters { get; } = new SilentMeters();

    public Clients Clients { get; }

    public Faults Faults { get; }

    public List<Node> Nodes { get; } = [];

    /// <summary>No client begins anything any more.</summary>
    public bool IsOver => Scheduler.Time.Now >= Plan.Duration;

    /// <summary>
    /// What I6 allows: the limit while membership is stable, planned moves included; with failovers as many more as
    /// there are nodes that a new home may not have heard of yet.
    /// </summary>
    public int MostPermits => Plan.IsStable ? Plan.Limit : Plan.Limit * Nodes.Count;

    public ImmutableSortedDictionary<string, long> Counts => _counts.ToImmutableSortedDictionary(StringComparer.Ordinal)
        .AddRange(
        [
            new("acknowledged", Mail.Acknowledged),
            new("delivered", Mail.Delivered),
            new("spooled", Mail.Spooled),
            new("opened", Mail.Opened),
            new("removed", Mail.Removed),
            new("admitted", Permits.Admitted),
            new("refused", Permits.Refused),
            new("unreachable", Permits.Unreachable),
        ]);

    /// <summary>Ends with the first promise that does not hold, wherever that is seen.</summary>
    public Task Broken => _broken.Task;

    public void AddNode() => Nodes.Add(new Node(this, Nodes.Count + 1));

    public ILoggerFactory LogOf(string node) =>
        _trace is null ? NullLoggerFactory.Instance : new TraceLog(Scheduler, node, _trace);

    public Task WaitAsync(TimeSpan time) => Task.Delay(time, Scheduler.Time);

    /// <summary>A part of the run that goes on beside others; what it throws ends the run.</summary>
    public async Task WatchAsync(Task part)
    {
        try
        {
            await part;
        }
        catch (Exception failure)
        {
            // Whatever it is: the run ends with it.
            Break(failure);
        }
    }

    public void Failed(string what) => Count($"failed {what}");

    public void Count(string name, long by = 1) => _counts[name] = _counts.GetValueOrDefault(name) + by;

    /// <summary>As a load balancer chooses; null: none takes clients.</summary>
    public Node? AnyNode(Chance chance)
    {
        var taking = Nodes.FindAll(node => node.TakesClients);
        return taking.Count == 0 ? null : chance.Of(taking);
    }

    private void Committed(NodePeer writer, CommitUnit unit)
    {
        try
        {
            Mail.Committed(writer, unit);
        }
        catch (InvariantBrokenException broken)
        {
            Break(broken);
        }
    }

    private void Break(Exception why) => _broken.TrySetException(why);

    private sealed class SilentMeters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
