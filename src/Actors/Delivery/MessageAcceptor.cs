using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// The final commit of a message: one unit with the body and one row per mailbox, all or nothing. The verdict is the
/// end of that unit, never a guess: a time-out can take a mailbox's share back, but not answer for a commit.
/// </summary>
public sealed class MessageAcceptor(
    MailboxRegion region,
    DeliveryOptions options,
    TimeProvider time,
    DeliveryMetrics metrics,
    ILoggerFactory log)
{
    private readonly ILogger _log = log.CreateLogger("MailCluster.Delivery");

    /// <summary>
    /// A recipient that was removed since RCPT is left out (logged, counted); the others get the message. When all are,
    /// it is not accepted: the sender's next try hears 550.
    /// </summary>
    /// <param name="cancellationToken">Looked at before the commit begins: from then on there is a verdict to wait
    /// for.</param>
    public async ValueTask<AcceptVerdict> AcceptAsync(AcceptedMessage message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var since = time.GetTimestamp();
        var verdict = AcceptVerdict.Unavailable;
        try
        {
            verdict = await AcceptAsync(message, Distinct(message.Mailboxes));
        }
        catch (AskFailedException)
        {
            // A mailbox could not be made ready; nothing is committed.
        }

        metrics.Ended(verdict, time.GetElapsedTime(since));
        return verdict;
    }

    private async ValueTask<AcceptVerdict> AcceptAsync(AcceptedMessage message, ImmutableArray<MailboxId> mailboxes)
    {
        for (var attempt = 1; attempt <= options.AttemptsMax && !mailboxes.IsEmpty; attempt++)
        {
            // A lone mailbox may load while its message waits; several hold each other back, so all are ready before.
            if (attempt > 1 || mailboxes.Length > 1)
            {
                mailboxes = await PrepareAsync(message, mailboxes);
                if (mailboxes.IsEmpty)
                {
                    break;
                }
            }

            var outcome = await CommitAsync(message, mailboxes);
            if (outcome == CommitOutcome.Committed)
            {
                return AcceptVerdict.Committed;
            }

            DeliveryLog.NotCommitted(_log, message.Body.Value, outcome);
            if (outcome != CommitOutcome.Refused)
            {
                break;
            }

            metrics.Retried();
        }

        return AcceptVerdict.Unavailable;
    }

    private async ValueTask<CommitOutcome> CommitAsync(AcceptedMessage message, ImmutableArray<MailboxId> mailboxes)
    {
        var delivery = new Deliver(
            region,
            mailboxes,
            new MailboxCommand.Deliver(
                message.Body, checked((uint)message.Octets), message.WireOctets, message.Traits),
            new StoreOperation.InsertBody(message.Body, message.Head, message.Octets, message.Chunks));
        delivery.Begin();
        using var deadline = time.CreateTimer(
            static state => ((Contribution)state!).GiveUp(),
            new Contribution(delivery, message.Body, _log),
            delivery.IsShared ? options.SharedContributeDeadline : options.ContributeDeadline,
            Timeout.InfiniteTimeSpan);
        return await delivery.Unit.Completion;
    }

    /// <summary>Those that are there, all loaded.</summary>
    /// <exception cref="AskFailedException">One cannot be loaded now.</exception>
    private async ValueTask<ImmutableArray<MailboxId>> PrepareAsync(
        AcceptedMessage message, ImmutableArray<MailboxId> mailboxes)
    {
        var asks = new Task<MailboxReadiness>[mailboxes.Length];
        for (var i = 0; i < asks.Length; i++)
        {
            asks[i] = region.Ask<MailboxReadiness, object?>(
                mailboxes[i],
                static (reply, _) => new MailboxMessage.Prepare(reply),
                null,
                options.PrepareDeadline).AsTask();
        }

        var readiness = await Task.WhenAll(asks);
        var ready = ImmutableArray.CreateBuilder<MailboxId>(readiness.Length);
        for (var i = 0; i < readiness.Length; i++)
        {
            if (readiness[i] == MailboxReadiness.Ready)
            {
                ready.Add(mailboxes[i]);
            }
            else
            {
                DeliveryLog.Vanished(_log, mailboxes[i].Value, message.Body.Value);
            }
        }

        metrics.Vanished(mailboxes.Length - ready.Count);
        return ready.Count == mailboxes.Length ? mailboxes : ready.ToImmutable();
    }

    /// <summary>Each once, ascending: the order in which a delivery goes through its mailboxes.</summary>
    private static ImmutableArray<MailboxId> Distinct(ImmutableArray<MailboxId> mailboxes) =>
        mailboxes.Length <= 1 ? mailboxes : [.. mailboxes.Distinct().OrderBy(static mailbox => mailbox.Value)];

    private sealed record Contribution(Deliver Delivery, BodyId Body, ILogger Log)
    {
        /// <summary>No effect once the unit stands in the lane: then only the commit decides.</summary>
        public void GiveUp()
        {
            if (Delivery.TryGiveUp())
            {
                DeliveryLog.ContributionLate(Log, Body.Value);
            }
        }
    }
}
