using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>A node that answers how often it was asked, after a time.</summary>
internal sealed class AskingNode
{
    public AskingNode(SimulatedNetwork network, SeededScheduler scheduler, NodePeer self, ShardAsksOptions? options)
    {
        Scheduler = scheduler;
        Homes = new ScriptedHomes(self);
        Links = network.Start(self);
        var meters = new QuietMeters();
        var system = new ActorSystem(
            scheduler, scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance, meters);
        Asks = new ShardAsks(
            system, Homes, Links, options ?? new ShardAsksOptions(), new AskMetrics(meters),
            NullLoggerFactory.Instance);
        Asks.Handle(Envelope.BodyOneofCase.ShowMaildrop, OnShow);
        Links.Listen(Asks);
    }

    public SeededScheduler Scheduler { get; }

    public ScriptedHomes Homes { get; }

    public SimulatedLinks Links { get; }

    public ShardAsks Asks { get; }

    public TimeSpan AnswerTime { get; set; }

    /// <summary>Asks that came to this node as a home, from itself too.</summary>
    public int Handled { get; private set; }

    public int AnsweredHere { get; private set; }

    public Task<long> AskAsync(MailboxId mailbox, TimeSpan deadline, bool isRepeatable = true) =>
        Asks.RouteAsync<Ask, long>(new Ask(this, mailbox, isRepeatable), deadline).AsTask();

    private void OnShow(RemoteAsk ask)
    {
        Handled++;
        var answer = new Envelope { MaildropShown = new MaildropShown { Exists = true, Messages = Handled } };
        Scheduler.PostAfter(AnswerTime, () => ask.Answer(answer));
    }

    private readonly struct Ask(AskingNode node, MailboxId mailbox, bool isRepeatable) : IShardAsk<long>
    {
        public ShardId Shard => ShardId.Of(mailbox);

        public bool IsRepeatable => isRepeatable;

        public ValueTask<long> AskHere(TimeSpan patience)
        {
            node.AnsweredHere++;
            return ValueTask.FromResult(-1L);
        }

        public async ValueTask<long> AskThere(ShardAsks asks, NodePeer home, TimeSpan patience)
        {
            var answer = await asks.AskAsync(
                home,
                new Envelope
                {
                    Shard = ShardAsks.NumberOf(Shard),
                    ShowMaildrop = new ShowMaildrop { Mailbox = mailbox.Value },
                },
                patience);
            return answer.MaildropShown.Messages;
        }
    }
}
