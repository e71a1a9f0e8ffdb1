using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The mailbox actors of a node, by <see cref="MailboxId"/>: spawned by the first message, passivated when idle. What
/// uses it is <see cref="Maildrops"/> for readers and Delivery's MessageAcceptor for writers.
/// </summary>
public sealed class MailboxRegion
{
    private readonly ShardRegion<MailboxId, MailboxMessage> _region;
    private readonly MailboxSurroundings _surroundings;
    private readonly ActorSystem _system;

    /// <summary>Far longer than any commit: who leaves has a deadline of its own.</summary>
    private static readonly TimeSpan LongestLeave = TimeSpan.FromMinutes(1);

    /// <param name="notices">Null: no mailbox is told that it is nearly full.</param>
    /// <param name="homes">Null: a lone node.</param>
    public MailboxRegion(
        ActorSystem system,
        IMailboxStore store,
        ICommitter committer,
        MailboxOptions options,
        MailboxMetrics metrics,
        ILoggerFactory log,
        QuotaNotices? notices = null,
        IShardHomes? homes = null)
    {
        Options = options;
        Committer = committer;
        Homes = homes ?? LoneHomes.Instance;
        _system = system;
        _surroundings = new MailboxSurroundings(
            store, committer, new OutstandingWrites(), options, metrics, notices,
            log.CreateLogger("MailCluster.Mailboxes"), Homes);
        _region = new ShardRegion<MailboxId, MailboxMessage>(
            system, "mailbox", mailbox => new MailboxActor(mailbox, _surroundings), options.ForActors());
    }

    /// <summary>Mailboxes in memory.</summary>
    public int Count => _region.Count;

    internal MailboxOptions Options { get; }

    internal ICommitter Committer { get; }

    internal IShardHomes Homes { get; }

    internal bool IsHome(MailboxId mailbox) => Homes.Find(ShardId.Of(mailbox)).Kind == HomeKind.Here;

    internal void Tell(MailboxId mailbox, MailboxMessage message) => _region.Tell(mailbox, message);

    internal ValueTask<TReply> Ask<TReply, TState>(
        MailboxId mailbox, Func<ReplyTo<TReply>, TState, MailboxMessage> make, TState state, TimeSpan deadline) =>
        _region.Ask(mailbox, make, state, deadline);

    /// <summary>Of a mailbox whose home is here.</summary>
    internal ValueTask<MaildropSnapshot?> SnapshotAsync(MailboxId mailbox, TimeSpan deadline) =>
        _region.Ask<MaildropSnapshot?, object?>(
            mailbox, static (reply, _) => new MailboxMessage.TakeSnapshot(reply), null, deadline);

    /// <inheritdoc cref="SnapshotAsync"/>
    internal ValueTask<bool> RemoveAsync(
        MailboxId mailbox, ImmutableArray<MessageNumber> numbers, TimeSpan deadline) =>
        _region.Ask<bool, ImmutableArray<MessageNumber>>(
            mailbox,
            static (reply, numbers) => new MailboxMessage.Remove(new MailboxCommand.Remove(numbers), reply),
            numbers,
            deadline);

    /// <inheritdoc cref="SnapshotAsync"/>
    internal ValueTask<MaildropTotals?> TotalsAsync(MailboxId mailbox, TimeSpan deadline) =>
        _region.Ask<MaildropTotals?, object?>(
            mailbox, static (reply, _) => new MailboxMessage.Show(reply), null, deadline);

    /// <summary>
    /// Homes say already that these shards move, so nothing new begins. Deliveries that are held for other mailboxes
    /// are given up, and who accepted them puts them into the spool; what stands in the lane ends.
    /// </summary>
    internal async Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken)
    {
        var numbers = shards.Select(shard => shard.Shard.Number).ToHashSet();
        foreach (var held in _surroundings.Outstanding.Held(numbers))
        {
            held.Undelivered(AskFailure.NotHere);
        }

        var ask = PendingAsk<bool>.Open(_system, out var none);
        _surroundings.Outstanding.TellWhenNone(numbers, none);
        using var cancelled = cancellationToken.UnsafeRegister(
            static state => ((Leaving)state!).GiveUp(), new Leaving(none));
        try
        {
            await ask.Answer(LongestLeave);
        }
        catch (AskFailedException)
        {
            // The fence refuses what is still under way.
            _surroundings.Outstanding.Forget(none);
        }
    }

    /// <summary>What is in memory of these mailboxes goes; who waits for them asks their new home.</summary>
    internal void Left(ImmutableArray<ShardEpoch> shards)
    {
        var epochs = shards.ToDictionary(shard => shard.Shard, shard => shard.Epoch);
        _region.NotifyAll(mailbox => epochs.TryGetValue(ShardId.Of(mailbox), out var epoch)
            ? new MailboxMessage.Left(epoch) : null);
    }

    private sealed record Leaving(ReplyTo<bool> Reply)
    {
        public void GiveUp() => Reply.Fail(AskFailure.Stopped);
    }
}

/// <summary>What every mailbox actor of a node shares.</summary>
internal sealed record MailboxSurroundings(
    IMailboxStore Store,
    ICommitter Committer,
    OutstandingWrites Outstanding,
    MailboxOptions Options,
    MailboxMetrics Metrics,
    QuotaNotices? Notices,
    ILogger Log,
    IShardHomes Homes);
