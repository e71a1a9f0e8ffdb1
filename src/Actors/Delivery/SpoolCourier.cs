using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Carries rows of the spool into their mailbox: each is one unit of the mailbox's actor that adds the message and
/// takes the row, or neither (I2). What does not arrive is noted, all rows of a visit in one unit; by the home only, so
/// that one which has lost its shard puts nothing off.
/// </summary>
internal sealed class SpoolCourier(
    MailboxRegion region,
    ISpoolStore store,
    SpoolTells tells,
    SpoolOptions options,
    TimeProvider time,
    SpoolMetrics metrics,
    ILogger log)
{
    private const string Removed = "the mailbox was removed";
    private const string Silent = "the mailbox did not answer in time";
    private const string Refused = "the mailbox could not take the message";

    /// <param name="works">It took messages just now: what would wait for a later attempt goes with them.</param>
    /// <exception cref="StoreUnavailableException">The rows cannot be read.</exception>
    public async Task<SpoolMessage.Visited> VisitAsync(MailboxId mailbox, bool works)
    {
        var shard = ShardId.Of(mailbox);
        var home = region.Homes.Find(shard);
        if (home.Kind != HomeKind.Here)
        {
            return Elsewhere(mailbox);
        }

        var guard = new ShardEpoch(shard, home.Epoch);
        var until = works ? DateTimeOffset.MaxValue : time.GetUtcNow();
        var rows = await store.ListDueAsync(mailbox, until, options.VisitRowsMax, CancellationToken.None);
        if (rows.IsEmpty)
        {
            await TellOfGoneAsync(mailbox);
            return new(mailbox, VisitEnd.Empty, TimeSpan.Zero);
        }

        try
        {
            var since = time.GetTimestamp();
            var readiness = await region.Ask<MailboxReadiness, object?>(
                mailbox, static (reply, _) => new MailboxMessage.Prepare(reply), null, options.VisitDeadline);
            if (readiness == MailboxReadiness.Gone)
            {
                return await ParkAsync(mailbox, rows, guard);
            }

            return await CarryAsync(mailbox, rows, options.VisitDeadline - time.GetElapsedTime(since), works, guard);
        }
        catch (AskFailedException failure)
        {
            return failure.Why is AskFailure.Stopped or AskFailure.NotHere or AskFailure.Interrupted
                ? Elsewhere(mailbox)
                : await DeferAsync(mailbox, rows, Text(failure.Why), guard);
        }
    }

    public void ReadFailed(Exception failure) => DeliveryLog.SpoolNotRead(log, failure);

    /// <summary>Its home visits it.</summary>
    private SpoolMessage.Visited Elsewhere(MailboxId mailbox) => new(mailbox, VisitEnd.Failed, options.SweepInterval);

    /// <summary>Rows that had arrived before this node was told who waits for them.</summary>
    private async ValueTask TellOfGoneAsync(MailboxId mailbox)
    {
        foreach (var row in tells.ForeignRows(mailbox))
        {
            if (await store.FindAsync(row, CancellationToken.None) is null)
            {
                tells.Ended(mailbox, [row]);
            }
        }
    }

    private static string Text(AskFailure why) => why switch
    {
        AskFailure.DeadlinePassed => Silent,
        AskFailure.MailboxFull => "too much waits for the mailbox already",
        _ => "the mailbox could not be loaded",
    };

    private async Task<SpoolMessage.Visited> CarryAsync(
        MailboxId mailbox, ImmutableArray<SpoolRow> rows, TimeSpan patience, bool works, ShardEpoch guard)
    {
        var deliveries = new Deliver[rows.Length];
        for (var i = 0; i < deliveries.Length; i++)
        {
            deliveries[i] = New(rows[i]);
            deliveries[i].Begin();
        }

        var isLate = false;
        using var deadline = time.CreateTimer(
            _ =>
            {
                foreach (var delivery in deliveries)
                {
                    isLate |= delivery.TryGiveUp();
                }
            },
            null,
            patience < TimeSpan.Zero ? TimeSpan.Zero : patience,
            Timeout.InfiniteTimeSpan);
        var failed = ImmutableArray.CreateBuilder<SpoolRow>();
        var (isOfStore, isElsewhere) = (false, false);
        for (var i = 0; i < deliveries.Length; i++)
        {
            var outcome = await deliveries[i].Unit.Completion;
            if (outcome == CommitOutcome.Committed)
            {
                tells.Ended(mailbox, [rows[i].Id]);
                metrics.Attempted(SpoolVerdict.Delivered);
            }
            else
            {
                failed.Add(rows[i]);
                isOfStore |= outcome != CommitOutcome.Refused;
                isElsewhere |= deliveries[i].IsElsewhere;
            }
        }

        if (isElsewhere)
        {
            return Elsewhere(mailbox);
        }

        if (failed.Count > 0)
        {
            // A store that does not write cannot note it either, and the mailbox is not to blame.
            return isOfStore
                ? new(mailbox, VisitEnd.Failed, options.MinBackoff)
                : await DeferAsync(mailbox, failed.ToImmutable(), isLate ? Silent : Refused, guard);
        }

        var isLast = works && rows.Length < options.VisitRowsMax;
        return new(mailbox, isLast ? VisitEnd.Empty : VisitEnd.More, TimeSpan.Zero);
    }

    private Deliver New(SpoolRow row) => new(
        region,
        [row.Mailbox],
        new StoreOperation.TakeSpooled(row.Id),
        new MailboxCommand.Deliver(
            row.Body,
            row.Octets,
            row.WireOctets,
            // A node of the version before knew of this one only by the envelope.
            row.Traits | (row.Envelope.Body == SmtpBodyKind.BinaryMime ? MessageTraits.Binary : MessageTraits.None)));

    private async Task<SpoolMessage.Visited> DeferAsync(
        MailboxId mailbox, ImmutableArray<SpoolRow> rows, string error, ShardEpoch guard)
    {
        var now = time.GetUtcNow();
        var soonest = options.MaxBackoff;
        var notes = new StoreOperation[rows.Length];
        for (var i = 0; i < notes.Length; i++)
        {
            var row = rows[i];
            var backoff = options.BackoffAfter(row.Attempts + 1);
            var isOver = now - row.Queued >= options.Lifetime;
            notes[i] = new StoreOperation.DeferSpooled(row.Id, row.Attempts + 1, isOver ? null : now + backoff, error);
            soonest = backoff < soonest ? backoff : soonest;
            if (isOver)
            {
                Parked(row, error);
            }
            else
            {
                metrics.Attempted(SpoolVerdict.Deferred);
            }
        }

        DeliveryLog.Deferred(log, mailbox.Value, rows.Length, error);
        await NoteAsync(notes, guard);
        return new(mailbox, VisitEnd.Failed, soonest);
    }

    /// <summary>Numbers of mailboxes are never given again: it will not come back.</summary>
    private async Task<SpoolMessage.Visited> ParkAsync(
        MailboxId mailbox, ImmutableArray<SpoolRow> rows, ShardEpoch guard)
    {
        var outcome = await NoteAsync(
            [.. rows.Select(row => new StoreOperation.DeferSpooled(row.Id, row.Attempts + 1, null, Removed))], guard);
        if (outcome != CommitOutcome.Committed)
        {
            return new(mailbox, VisitEnd.Failed, options.SweepInterval);
        }

        foreach (var row in rows)
        {
            Parked(row, Removed);
        }

        return new(mailbox, VisitEnd.More, TimeSpan.Zero);
    }

    private void Parked(SpoolRow row, string error)
    {
        tells.Ended(row.Mailbox, [row.Id]);
        metrics.Attempted(SpoolVerdict.Parked);
        DeliveryLog.Parked(log, row.Id.Value, row.Mailbox.Value, error);
    }

    /// <summary>When it cannot be noted the rows are due again at once; the sweep's pace bounds that.</summary>
    private Task<CommitOutcome> NoteAsync(StoreOperation[] notes, ShardEpoch guard)
    {
        var unit = new CommitUnit(1);
        if (guard.Epoch != 0)
        {
            unit.Guard(guard);
        }

        unit.Contribute(region.Committer, null, notes);
        return unit.Completion;
    }
}
