using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The mailbox actors of a node, by <see cref="MailboxId"/>: spawned by the first message, passivated when idle. What
/// uses it is <see cref="Maildrops"/> for readers and Delivery's MessageAcceptor for writers.
/// </summary>
public sealed class MailboxRegion
{
    private readonly ShardRegion<MailboxId, MailboxMessage> _region;

    /// <param name="notices">Null: no mailbox is told that it is nearly full.</param>
    public MailboxRegion(
        ActorSystem system,
        IMailboxStore store,
        ICommitter committer,
        MailboxOptions options,
        MailboxMetrics metrics,
        ILoggerFactory log,
        QuotaNotices? notices = null)
    {
        Options = options;
        Committer = committer;
        var surroundings = new MailboxSurroundings(
            store, committer, new OutstandingWrites(), options, metrics, notices,
            log.CreateLogger("MailCluster.Mailboxes"));
        _region = new ShardRegion<MailboxId, MailboxMessage>(
            system, "mailbox", mailbox => new MailboxActor(mailbox, surroundings), options.ForActors());
    }

    /// <summary>Mailboxes in memory.</summary>
    public int Count => _region.Count;

    internal MailboxOptions Options { get; }

    internal ICommitter Committer { get; }

    internal void Tell(MailboxId mailbox, MailboxMessage message) => _region.Tell(mailbox, message);

    internal ValueTask<TReply> Ask<TReply, TState>(
        MailboxId mailbox, Func<ReplyTo<TReply>, TState, MailboxMessage> make, TState state, TimeSpan deadline) =>
        _region.Ask(mailbox, make, state, deadline);
}

/// <summary>What every mailbox actor of a node shares.</summary>
internal sealed record MailboxSurroundings(
    IMailboxStore Store,
    ICommitter Committer,
    OutstandingWrites Outstanding,
    MailboxOptions Options,
    MailboxMetrics Metrics,
    QuotaNotices? Notices,
    ILogger Log);
