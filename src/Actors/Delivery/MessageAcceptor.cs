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
/// The final commit of a message: one unit with the body and one row per mailbox, all or nothing; when a mailbox cannot
/// take part in time, one unit with the body and its rows in the spool. The verdict is the end of a unit, never a
/// guess: a time-out can take a mailbox's share back, but not answer for a commit.
/// </summary>
public sealed class MessageAcceptor(
    MailboxRegion region,
    Spool spool,
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
    /// <param name="acknowledgementDelay">
    /// How long a message that is durable may wait for its mailboxes, from now on (OXSMTP-EV-18).
    /// </param>
    /// <param name="hurry">Ends that wait at once; what is not durable yet is not affected.</param>
    public async ValueTask<AcceptVerdict> AcceptAsync(
        AcceptedMessage message, TimeSpan acknowledgementDelay, CancellationToken hurry)
    {
        var since = time.GetTimestamp();
        var patience = options.PatienceWithin(acknowledgementDelay);
        var mailboxes = message.Mailboxes();
        var (verdict, slow) = IsHome(mailboxes)
            ? await DeliverAsync(message, mailboxes, since, patience)
            : (AcceptVerdict.Unavailable, mailboxes);
        var isSpooled = !slow.IsDefaultOrEmpty;
        if (isSpooled)
        {
            verdict = await spool.AcceptAsync(message, slow, since, acknowledgementDelay, hurry);
        }

        metrics.Ended(verdict, isSpooled, time.GetElapsedTime(since));
        return verdict;
    }

    internal static AcceptVerdict Refusal(CommitOutcome outcome) =>
        outcome == CommitOutcome.OutOfSpace ? AcceptVerdict.OutOfResources : AcceptVerdict.Unavailable;

    /// <summary>
    /// Mailboxes in the answer: one of them is slow or failing, and nothing of the message is or will be written.
    /// </summary>
    private async ValueTask<(AcceptVerdict Verdict, ImmutableArray<MailboxId> Slow)> DeliverAsync(
        AcceptedMessage message, ImmutableArray<MailboxId> mailboxes, long since, TimeSpan patience)
    {
        for (var attempt = 1; attempt <= options.AttemptsMax; attempt++)
        {
            // A lone mailbox may load while its message waits; several hold each other back, so all are ready before.
            if (attempt > 1 || mailboxes.Length > 1)
            {
                var ready = await PrepareAsync(message, mailboxes, patience - time.GetElapsedTime(since));
                if (ready.IsDefault)
                {
                    break;
                }

                mailboxes = ready;
                if (mailboxes.IsEmpty)
                {
                    return (AcceptVerdict.Unavailable, default);
                }
            }

            var outcome = await CommitAsync(message, mailboxes, patience - time.GetElapsedTime(since));
            if (outcome == CommitOutcome.Committed)
            {
                return (AcceptVerdict.Committed, default);
            }

            DeliveryLog.NotCommitted(_log, message.Body.Value, outcome);
            if (outcome == CommitOutcome.StoreFailed && !IsHome(mailboxes))
            {
                // Nothing was written, for this node is not the home any more.
                break;
            }

            if (outcome != CommitOutcome.Refused)
            {
                return (Refusal(outcome), default);
            }

            metrics.Retried();
            if (!IsHome(mailboxes))
            {
                break;
            }

            if (time.GetElapsedTime(since) >= patience)
            {
                break;
            }
        }

        return (AcceptVerdict.Unavailable, mailboxes);
    }

    /// <summary>Of all of them: only then can one commit write body and mailboxes.</summary>
    private bool IsHome(ImmutableArray<MailboxId> mailboxes)
    {
        foreach (var mailbox in mailboxes)
        {
            if (!region.IsHome(mailbox))
            {
                return false;
            }
        }

        return true;
    }

    private async ValueTask<CommitOutcome> CommitAsync(
        AcceptedMessage message, ImmutableArray<MailboxId> mailboxes, TimeSpan patience)
    {
        var delivery = new Deliver(
            region,
            mailboxes,
            message.Content(),
            new MailboxCommand.Deliver(
                message.Body, checked((uint)message.Octets), message.WireOctets, message.Traits));
        delivery.Begin();
        using var deadline = time.CreateTimer(
            static state => ((Contribution)state!).GiveUp(),
            new Contribution(delivery, message.Body, _log),
            patience < TimeSpan.Zero ? TimeSpan.Zero : patience,
            Timeout.InfiniteTimeSpan);
        return await delivery.Unit.Completion;
    }

    /// <summary>Those that are there, all loaded; default: one cannot be loaded now.</summary>
    private async ValueTask<ImmutableArray<MailboxId>> PrepareAsync(
        AcceptedMessage message, ImmutableArray<MailboxId> mailboxes, TimeSpan patience)
    {
        var asks = new Task<MailboxReadiness>[mailboxes.Length];
        for (var i = 0; i < asks.Length; i++)
        {
            asks[i] = region.Ask<MailboxReadiness, object?>(
                mailboxes[i],
                static (reply, _) => new MailboxMessage.Prepare(reply),
                null,
                patience < TimeSpan.Zero ? TimeSpan.Zero : patience).AsTask();
        }

        MailboxReadiness[] readiness;
        try
        {
            readiness = await Task.WhenAll(asks);
        }
        catch (AskFailedException)
        {
            return default;
        }

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
