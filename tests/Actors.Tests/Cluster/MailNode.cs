using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Tests.Delivery;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>One start of one node: its actors over the common database, and what it knows of homes.</summary>
internal sealed class MailNode
{
    private readonly SimulatedMailDatabase _database;
    private readonly TaskCompletionSource _died = new();

    public MailNode(MailClusterRun run, NodePeer self, MaildropLinkOptions? options)
    {
        _database = run.Database;
        Self = self;
        Homes = new ScriptedHomes(self);
        Links = run.Network.Start(self);
        Lane = run.Database.NewLane(self);
        var meters = new QuietMeters();
        var log = NullLoggerFactory.Instance;
        var system = new ActorSystem(
            run.Scheduler, run.Scheduler.Time, new ActorSystemOptions(), log, meters);
        Asks = new ShardAsks(system, Homes, Links, new ShardAsksOptions(), new AskMetrics(meters), log);
        Links.Listen(Asks);
        Region = new MailboxRegion(
            system, run.Database, Lane, new MailboxOptions(), new MailboxMetrics(meters), log, homes: Homes);
        Maildrops = new Maildrops(
            Region, Asks, options ?? new MaildropLinkOptions(), new MaildropMetrics(meters));
        var spool = new Spool(
            system, Region, run.Database.Spool, new SpoolOptions(), new SpoolMetrics(meters), log, Asks);
        Acceptor = new MessageAcceptor(
            Region, spool, run.Database, run.DeliveryOptions, run.Scheduler.Time, new DeliveryMetrics(meters), log,
            Asks);
        Importer = new MessageImporter(
            Region, run.Database, new DeliveryOptions(), run.Scheduler.Time, new DeliveryMetrics(meters), Asks);
        Residents = new ShardResidents(new MailResidents(Region, spool));
    }

    public NodePeer Self { get; }

    public Task Died => _died.Task;

    public ScriptedHomes Homes { get; }

    public SimulatedLinks Links { get; }

    public SimulatedLane Lane { get; }

    public ShardAsks Asks { get; }

    public MailboxRegion Region { get; }

    public Maildrops Maildrops { get; }

    public MessageAcceptor Acceptor { get; }

    public MessageImporter Importer { get; }

    public IShardResidents Residents { get; }

    public void Die() => _died.SetResult();

    public Task<MaildropSnapshot?> OpenAsync(MailboxId mailbox) =>
        Maildrops.OpenAsync(mailbox, CancellationToken.None).AsTask();

    public Task<bool> DeleteAsync(MailboxId mailbox, params ImmutableArray<MessageNumber> numbers) =>
        Maildrops.DeleteAsync(mailbox, numbers, CancellationToken.None).AsTask();

    public Task<AcceptVerdict> DeliverAsync(params ReadOnlySpan<MailboxId> mailboxes) =>
        DeliverAsync(_database.NextId(), mailboxes);

    public Task<AcceptVerdict> DeliverAsync(BodyId body, params ReadOnlySpan<MailboxId> mailboxes)
    {
        var message = new AcceptedMessage(body, new byte[100], 100, 0, 103, Envelopes.To(mailboxes));
        return Acceptor.AcceptAsync(message, TimeSpan.FromSeconds(30), CancellationToken.None).AsTask();
    }
}
