using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// The final commit of a message: one unit with the body and one row per mailbox, all or nothing, written by the node
/// that is the home of all of them, be it this one or another; when there is no such node, or a mailbox cannot take
/// part in time, one unit with the body and its rows in the spool. The verdict is the end of a unit, never a
/// guess: a time-out can take a mailbox's share back, but not answer for a commit.
/// </summary>
public sealed class MessageAcceptor
{
    private readonly DirectDelivery _direct;
    private readonly ForwardedDelivery? _forwarded;
    private readonly Spool _spool;
    private readonly DeliveryOptions _options;
    private readonly TimeProvider _time;
    private readonly DeliveryMetrics _metrics;

    /// <param name="asks">Null: a lone node.</param>
    public MessageAcceptor(
        MailboxRegion region,
        Spool spool,
        IBodyStore bodies,
        DeliveryOptions options,
        TimeProvider time,
        DeliveryMetrics metrics,
        ILoggerFactory log,
        ShardAsks? asks = null)
    {
        _direct = new DirectDelivery(region, options, time, metrics, log.CreateLogger("MailCluster.Delivery"));
        _forwarded = asks is null ? null : new ForwardedDelivery(_direct, asks, bodies, options, metrics);
        _spool = spool;
        _options = options;
        _time = time;
        _metrics = metrics;
    }

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
        var since = _time.GetTimestamp();
        var patience = _options.PatienceWithin(acknowledgementDelay);
        var mailboxes = message.Mailboxes();
        var body = message.Content();
        var command = new MailboxCommand.Deliver(
            message.Body, checked((uint)message.Octets), message.WireOctets, message.Traits);
        AcceptVerdict verdict;
        var isSpooled = false;
        if (_direct.IsHome(mailboxes))
        {
            var end = await _direct.DeliverAsync(body, command, mailboxes, patience);
            isSpooled = end is { Outcome: CommitOutcome.Refused, Mailboxes.IsEmpty: false };
            verdict = isSpooled ? await SpoolAsync(end.Mailboxes) : VerdictOf(end.Outcome);
        }
        else if (_forwarded?.HomeOf(body, mailboxes) is { } home)
        {
            var end = await _forwarded.AskAsync(home, body, command, mailboxes, patience);
            isSpooled = !end.IsDelivered && !end.Mailboxes.IsEmpty;
            verdict = end.IsDelivered ? AcceptVerdict.Committed
                : isSpooled ? await SpoolAsync(end.Mailboxes)
                : AcceptVerdict.Unavailable;

            // The home's unit may be in, or come yet: a commit here or the sight of that one is an answer, and "not
            // written" is none before. A store that is away says nothing: its home writes when it is back.
            var absences = 0;
            while (end.IsUnknown && verdict != AcceptVerdict.Committed && absences < _options.UnknownAttemptsMax)
            {
                if (await _forwarded.IsDeliveredAsync(body.Body) is not { } isDelivered)
                {
                    absences = 0;
                }
                else if (isDelivered)
                {
                    verdict = AcceptVerdict.Committed;
                    break;
                }
                else
                {
                    absences++;
                }

                await Task.Delay(_options.UnknownPause, _time, CancellationToken.None);
                verdict = await SpoolAsync(end.Mailboxes);
            }
        }
        else
        {
            isSpooled = true;
            verdict = await SpoolAsync(mailboxes);
        }

        _metrics.Ended(verdict, isSpooled, _time.GetElapsedTime(since));
        return verdict;

        ValueTask<AcceptVerdict> SpoolAsync(ImmutableArray<MailboxId> left) =>
            _spool.AcceptAsync(message, left, since, acknowledgementDelay, hurry);
    }

    internal static AcceptVerdict Refusal(CommitOutcome outcome) =>
        outcome == CommitOutcome.OutOfSpace ? AcceptVerdict.OutOfResources : AcceptVerdict.Unavailable;

    private static AcceptVerdict VerdictOf(CommitOutcome outcome) =>
        outcome == CommitOutcome.Committed ? AcceptVerdict.Committed : Refusal(outcome);
}
