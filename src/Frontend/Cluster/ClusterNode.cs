using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Admin;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.Postgres;
using MailCluster.Storage.Postgres.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// This node's part in a cluster: its place in the database, its links to the others, and what it knows of them.
/// </summary>
internal sealed class ClusterNode : IShardDrain, IFenceTaker, IAsyncDisposable
{
    /// <summary>
    /// How long a first start may wait for homes before it serves all the same: clients then hear 4yz.
    /// </summary>
    private static readonly TimeSpan HomesPatience = TimeSpan.FromSeconds(10);

    private readonly PostgresClusterStore _store;
    private readonly string _cluster;
    private readonly string _name;
    private readonly TimeProvider _time;
    private KnownNames? _names;

    private ClusterNode(
        PostgresDatabase database, PostgresClusterStore store, PostgresMailStore mail, NodeLinks links,
        Membership membership, string cluster, string name, TimeProvider time)
    {
        Database = database;
        _store = store;
        Mail = mail;
        Links = links;
        Membership = membership;
        _cluster = cluster;
        _name = name;
        _time = time;
    }

    public PostgresDatabase Database { get; }

    public PostgresMailStore Mail { get; }

    public NodeLinks Links { get; }

    public Membership Membership { get; }

    /// <summary>Of all nodes that are there, this one first: what stands in "by" of Received: (OXSMTP-EV-06).</summary>
    public ImmutableArray<string> Names
    {
        get
        {
            // Asked for with every message; the nodes' part of the table is another object only when it was read anew.
            var nodes = Membership.Nodes;
            var known = Volatile.Read(ref _names);
            if (known is null || known.Of != nodes)
            {
                known = new(nodes, [_name, .. Others.Where(node => node.Name != _name).Select(node => node.Name)]);
                Volatile.Write(ref _names, known);
            }

            return known.Names;
        }
    }

    /// <summary>Null: it is not in the table (any more).</summary>
    public string? NameOf(NodePeer peer) => Others.FirstOrDefault(node => node.Peer == peer)?.Name;

    /// <summary>Why no new connections should come here; empty when they should.</summary>
    public IReadOnlyList<string> Reasons => Membership.LeaseLeft is { } left && left > TimeSpan.Zero ? []
        : ["this node has no lease: the database does not answer, or another node has taken its shards"];

    private IEnumerable<NodeRow> Others => Membership.Nodes.Where(node => node.State != NodeState.Down);

    /// <summary>Finds the database, gets a place in it and keeps that; no shards and no clients yet.</summary>
    /// <exception cref="Storage.StoreOpenException">With what an administrator has to know.</exception>
    public static async Task<ClusterNode> JoinAsync(
        MailClusterOptions options, Foundation foundation, TimeProvider time, CancellationToken cancellationToken)
    {
        var database = await PostgresDatabase.OpenAsync(
            options.Store.ConnectionString, time, foundation.Loggers, cancellationToken);
        var history = await PostgresHistory.CheckAsync(
            database, options.Node.Name, options.Node.DataDirectory, foundation.Loggers, cancellationToken);
        var store = new PostgresClusterStore(
            database, options.Cluster.LeaseDuration, time, foundation.Loggers);
        NodeLinks? links = null;
        Membership? membership = null;
        try
        {
            links = new NodeLinks(
                LinkEndpoints.From(options.Cluster), time, foundation.Meters,
                foundation.Loggers.CreateLogger<NodeLinks>());
            membership = new Membership(
                store,
                new NodeRegistration(
                    options.Node.Name, options.AdvertisedAddress!, ProgramVersion.Text, LinkIdentity.Newest),
                new MembershipOptions { LeaseDuration = options.Cluster.LeaseDuration }, time,
                new ClusterMetrics(foundation.Meters), foundation.Loggers);
            var self = await membership.JoinAsync(cancellationToken);
            var table = await store.ReadAsync(cancellationToken);
            var mail = await PostgresMailStore.OpenAsync(
                database, self, new PostgresStoreOptions(), time, foundation.Loggers, foundation.Meters,
                cancellationToken);
            mail.Remember(history);
            return new ClusterNode(database, store, mail, links, membership, table.Cluster, options.Node.Name, time);
        }
        catch
        {
            await (membership?.DisposeAsync() ?? ValueTask.CompletedTask);
            await (links?.DisposeAsync() ?? ValueTask.CompletedTask);
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The ports are open: links come up, shards come, and clients are served when their homes are known.
    /// </summary>
    public async Task StartAsync(
        ShardAsks asks, IShardResidents residents, Action drain, CancellationToken cancellationToken)
    {
        Membership.DrainRequested += drain;
        Links.Listen(asks);
        Links.Join(IdentityOf(Membership.Self));
        Membership.Start(residents, Links, new MoveTells(asks, Membership), this);
        var since = _time.GetTimestamp();
        while (!KnowsHomes() && _time.GetElapsedTime(since) < HomesPatience)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), _time, cancellationToken);
        }
    }

    public async Task HandOverAsync(CancellationToken cancellationToken) =>
        _ = await Membership.DrainAsync(cancellationToken);

    public async Task TakeAsync(NodePeer peer)
    {
        await Mail.TakeAsync(peer);
        Links.Join(IdentityOf(peer));
    }

    /// <summary>False: there is no such node alive.</summary>
    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        _store.RequestDrainAsync(name, cancellationToken);

    /// <exception cref="StoreUnavailableException">The table cannot be read.</exception>
    public async Task<ClusterView> DescribeAsync(CancellationToken cancellationToken)
    {
        var table = await _store.ReadAsync(cancellationToken);
        var shares = table.Shards.Where(shard => shard.Owner is not null)
            .GroupBy(shard => shard.Owner!.Value).ToDictionary(group => group.Key, group => group.Count());
        var links = Links.Status.ToDictionary(link => link.Peer);
        return new ClusterView(
            table.Cluster,
            _name,
            [.. table.Nodes.Select(node => new NodeView(
                node.Name, node.State.ToString().ToLowerInvariant(), shares.GetValueOrDefault(node.Peer),
                Math.Round(node.LeaseLeft.TotalSeconds, 2), node.Address, node.Version, node.WireVersion,
                node.Incarnation.Value, Link(node)))],
            table.Shards.Length,
            table.Shards.Count(shard => Membership.Find(shard.Shard).Kind == HomeKind.Moving),
            table.Shards.Count(shard => shard.Owner is null));

        string Link(NodeRow node) =>
            node.Peer == Membership.Self ? "self"
            : node.State == NodeState.Down ? "-"
            : !links.TryGetValue(node.Peer, out var link) ? "not yet"
            : link.UpSince is not null ? "up"
            : link.LastError ?? "down";
    }

    public async ValueTask DisposeAsync()
    {
        await Membership.DisposeAsync();
        await Links.DisposeAsync();
        await Mail.DisposeAsync();
        await _store.DisposeAsync();
    }

    private LinkIdentity IdentityOf(NodePeer self) => new(_cluster, self, _name, ProgramVersion.Text);

    private bool KnowsHomes() => Membership.Table is { } table && table.Shards.All(
        shard => Membership.Find(shard.Shard).Kind is HomeKind.Here or HomeKind.There);

    private sealed record KnownNames(ImmutableArray<NodeRow> Of, ImmutableArray<string> Names);
}
