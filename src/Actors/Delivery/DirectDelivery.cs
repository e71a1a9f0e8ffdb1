using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

/// <summary>How a delivery ended whose mailboxes all have their home here.</summary>
/// <param name="Outcome">
/// <see cref="CommitOutcome.Committed"/>: in all mailboxes that still exist. Any other: nothing is or will be written;
/// <see cref="CommitOutcome.Refused"/>, because a mailbox is slow, failing or not here any more.
/// </param>
/// <param name="Mailboxes">Of what was not committed: those that still exist, who should get it another way.</param>
internal readonly record struct DirectEnd(CommitOutcome Outcome, ImmutableArray<MailboxId> Mailboxes);

/// <summary>
/// Puts a message into mailboxes of this node: one unit with the body and one row per mailbox, all or nothing.
/// </summary>
internal sealed class DirectDelivery(
    MailboxRegion region, DeliveryOptions options, TimeProvider time, DeliveryMetrics metrics, ILogger log)
{
    /// <summary>Of all of them: only then can one commit write body and mailboxes.</summary>
    public bool IsHome(ImmutableArray<MailboxId> mailboxes)
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

    /// <param name="mailboxes">Strictly ascending. One that was removed is left out (logged, counted).</param>
    /// <param name="patience">How long mailboxes may take to contribute; the commit itself has no deadline.</param>
    public async ValueTask<DirectEnd> DeliverAsync(
        StoreOperation.InsertBody body, MailboxCommand.Deliver command, ImmutableArray<MailboxId> mailboxes,
        TimeSpan patience)
    {
        var since = time.GetTimestamp();
        for (var attempt = 1; attempt <= options.AttemptsMax; attempt++)
        {
            // A lone mailbox may load while its message waits; several hold each other back, so all are ready before.
            if (attempt > 1 || mailboxes.Length > 1)
            {
                var ready = await PrepareAsync(body.Body, mailboxes, patience - time.GetElapsedTime(since));
                if (ready.IsDefault)
                {
                    break;
                }

                mailboxes = ready;
                if (mailboxes.IsEmpty)
                {
                    break;
                }
            }

            var outcome = await CommitAsync(body, command, mailboxes, patience - time.GetElapsedTime(since));
            if (outcome == CommitOutcome.Committed)
            {
                return new(outcome, []);
            }

            DeliveryLog.NotCommitted(log, body.Body.Value, outcome);
            if (outcome == CommitOutcome.StoreFailed && !IsHome(mailboxes))
            {
                // Nothing was written, for this node is not the home any more.
                break;
            }

            if (outcome != CommitOutcome.Refused)
            {
                return new(outcome, mailboxes);
            }

            metrics.Retried();
            if (!IsHome(mailboxes) || time.GetElapsedTime(since) >= patience)
            {
                break;
            }
        }

        return new(CommitOutcome.Refused, mailboxes);
    }

    private async ValueTask<CommitOutcome> CommitAsync(
        StoreOperation.InsertBody body, MailboxCommand.Deliver command, ImmutableArray<MailboxId> mailboxes,
        TimeSpan patience)
    {
        var delivery = new Deliver(region, mailboxes, body, command);
        delivery.Begin();
        using var deadline = time.CreateTimer(
            static state => ((Contribution)state!).GiveUp(),
            new Contribution(delivery, body.Body, log),
            patience < TimeSpan.Zero ? TimeSpan.Zero : patience,
            Timeout.InfiniteTimeSpan);
        return await delivery.Unit.Completion;
    }

    /// <summary>Those that are there, all loaded; default: one cannot be loaded now.</summary>
    private async ValueTask<ImmutableArray<MailboxId>> PrepareAsync(
        BodyId body, ImmutableArray<MailboxId> mailboxes, TimeSpan patience)
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
                DeliveryLog.Vanished(log, mailboxes[i].Value, body.Value);
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
