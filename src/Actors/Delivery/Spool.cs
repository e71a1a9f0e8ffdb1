using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// What was accepted and could not go into its mailboxes at once: one unit with the body and one row per mailbox, and
/// delivery in the background from then on, over restarts.
/// </summary>
public sealed class Spool
{
    private readonly ISpoolStore _store;
    private readonly ICommitter _committer;
    private readonly AcknowledgementWaits _waits;
    private readonly ActorRef<SpoolMessage> _actor;
    private readonly SpoolTells _tells;
    private readonly TimeProvider _time;
    private readonly SpoolMetrics _metrics;
    private readonly ILogger _log;

    /// <summary>Delivery of what is in the store begins at once.</summary>
    /// <param name="asks">Null: a lone node.</param>
    public Spool(
        ActorSystem system,
        MailboxRegion region,
        ISpoolStore store,
        SpoolOptions options,
        SpoolMetrics metrics,
        ILoggerFactory log,
        ShardAsks? asks = null)
    {
        _store = store;
        _committer = region.Committer;
        _time = system.Time;
        _metrics = metrics;
        _log = log.CreateLogger("MailCluster.Delivery");
        _waits = new AcknowledgementWaits(options.WaitersMax, _time);
        metrics.Observe(() => store.Count, () => _waits.Count, _time);
        _tells = new SpoolTells(asks, _waits, options, metrics, WakeHere);
        var courier = new SpoolCourier(region, store, _tells, options, _time, metrics, _log);
        _actor = system.Spawn(
            "spool", () => new SpoolActor(courier, store, options, metrics, region.Homes), new ActorOptions());
    }

    /// <summary>Something of these mailboxes is due that was not, because an administrator said so.</summary>
    public void Wake(ImmutableArray<MailboxId> mailboxes) => _tells.Wake(mailboxes);

    /// <summary>This node has become the home of mailboxes: what waits for them is looked for.</summary>
    internal void HomesArrived() => _actor.Tell(SpoolMessage.HomesArrived.Instance);

    /// <summary>
    /// Commits, and then waits until the message is in all its mailboxes, at most the delay, counted from
    /// <paramref name="since"/>. Once it is committed, nothing but that can be answered.
    /// </summary>
    internal async ValueTask<AcceptVerdict> AcceptAsync(
        AcceptedMessage message,
        ImmutableArray<MailboxId> mailboxes,
        long since,
        TimeSpan acknowledgementDelay,
        CancellationToken hurry)
    {
        var rows = Rows(message, mailboxes);
        var ids = rows.Select(static row => row.Id).ToImmutableArray();
        using var wait = _waits.TryBegin(rows);
        var unit = new CommitUnit(1, message.Content());
        unit.Contribute(_committer, null, [.. rows.Select(row => new StoreOperation.InsertSpool(row))]);
        var outcome = await unit.Completion;
        if (outcome != CommitOutcome.Committed)
        {
            DeliveryLog.NotCommitted(_log, message.Body.Value, outcome);
            return MessageAcceptor.Refusal(outcome);
        }

        DeliveryLog.Spooled(_log, message.Body.Value, rows.Length);
        _tells.Committed(ids, mailboxes, wait is not null);
        var end = wait is null
            ? AcknowledgementEnd.NotWaited
            : await wait.UntilAsync(acknowledgementDelay - _time.GetElapsedTime(since), hurry);
        _tells.Forget(ids);
        _metrics.Acknowledged(end, _time.GetElapsedTime(since));
        return AcceptVerdict.Committed;
    }

    private void WakeHere(ImmutableArray<MailboxId> mailboxes) => _actor.Tell(new SpoolMessage.Arrived(mailboxes));

    /// <summary>Two recipients that lead to one mailbox are one row, under the name of the first.</summary>
    private ImmutableArray<SpoolRow> Rows(AcceptedMessage message, ImmutableArray<MailboxId> mailboxes)
    {
        var envelope = message.Envelope;
        var sender = TraceHeaders.AddressOf(envelope.From);
        var now = _time.GetUtcNow();
        var rows = ImmutableArray.CreateBuilder<SpoolRow>(mailboxes.Length);
        foreach (var mailbox in mailboxes)
        {
            var recipient = envelope.Recipients.First(recipient => recipient.Mailboxes.Contains(mailbox));
            rows.Add(new SpoolRow(
                _store.NextId(),
                mailbox,
                message.Body,
                checked((uint)message.Octets),
                message.WireOctets,
                new SpoolEnvelope(
                    sender, TraceHeaders.AddressOf(recipient.Path), envelope.Body, envelope.SmtpUtf8,
                    envelope.User?.Address),
                now,
                0,
                // Due at once, whatever the clock of the mailbox's home says.
                DateTimeOffset.UnixEpoch,
                null,
                message.Traits));
        }

        return rows.MoveToImmutable();
    }
}
