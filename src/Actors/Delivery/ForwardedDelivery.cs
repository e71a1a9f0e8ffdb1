using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// A message whose mailboxes all have their home at one other node goes there with its body and is committed once, by
/// that home, instead of twice through the spool. The body's number, which is this node's and becomes live once, makes
/// that safe: when the answer stays away the spool takes the message under the same number, and of the two commits the
/// store takes one (I2).
/// </summary>
internal sealed class ForwardedDelivery
{
    private readonly DirectDelivery _direct;
    private readonly ShardAsks _asks;
    private readonly IBodyStore _bodies;
    private readonly DeliveryOptions _options;
    private readonly DeliveryMetrics _metrics;

    public ForwardedDelivery(
        DirectDelivery direct, ShardAsks asks, IBodyStore bodies, DeliveryOptions options, DeliveryMetrics metrics)
    {
        _direct = direct;
        _asks = asks;
        _bodies = bodies;
        _options = options;
        _metrics = metrics;
        asks.HandleAsync(Envelope.BodyOneofCase.DeliverMessage, OnDeliverAsync);
    }

    /// <summary>The one other node that is the home of all; null: none is now, or the message is too large.</summary>
    public NodePeer? HomeOf(StoreOperation.InsertBody body, ImmutableArray<MailboxId> mailboxes)
    {
        if (body.Head.Length > _options.ForwardedHeadMax || mailboxes.Length > _options.ForwardedMailboxesMax)
        {
            return null;
        }

        NodePeer? one = null;
        foreach (var mailbox in mailboxes)
        {
            var home = _asks.Homes.Find(ShardId.Of(mailbox));
            if (home.Kind != HomeKind.There || (one is { } before && before != home.Peer))
            {
                return null;
            }

            one = home.Peer;
        }

        return one;
    }

    /// <summary>
    /// Ends when the home has answered, at most after twice the patience; <see cref="ForwardEnd.IsUnknown"/> when it
    /// has not.
    /// </summary>
    public async ValueTask<ForwardEnd> AskAsync(
        NodePeer home, StoreOperation.InsertBody body, MailboxCommand.Deliver command,
        ImmutableArray<MailboxId> mailboxes, TimeSpan patience)
    {
        var ask = new DeliverMessage
        {
            Body = body.Body.Value,
            // Serialised before this returns: nothing holds the octets then.
            Head = UnsafeByteOperations.UnsafeWrap(body.Head),
            Octets = body.Octets,
            Chunks = body.Chunks,
            WireOctets = command.WireOctets,
            Traits = (int)command.Traits,
        };
        foreach (var mailbox in mailboxes)
        {
            ask.Mailboxes.Add(mailbox.Value);
        }

        try
        {
            var answer = await _asks.AskAsync(
                home,
                new Envelope { Shard = ShardAsks.NumberOf(ShardId.Of(mailboxes[0])), DeliverMessage = ask },
                patience * 2,
                LinkLane.Bulk);
            if (answer.MessageDelivered is not { } end)
            {
                _metrics.Forwarded(ForwardVerdict.Unknown);
                return new ForwardEnd(false, mailboxes, true);
            }

            _metrics.Forwarded(end.Delivered ? ForwardVerdict.Delivered : ForwardVerdict.Returned);
            return end.Delivered
                ? new ForwardEnd(true, [], false)
                : new ForwardEnd(false, [.. end.Mailboxes.Select(static mailbox => new MailboxId(mailbox))], false);
        }
        catch (AskFailedException failure)
        {
            var isUnknown = failure.Why is not (AskFailure.NotHere or AskFailure.MailboxFull);
            _metrics.Forwarded(isUnknown ? ForwardVerdict.Unknown : ForwardVerdict.Returned);
            return new ForwardEnd(false, mailboxes, isUnknown);
        }
    }

    /// <summary>
    /// After an end that is not known, and a unit with the same body that was refused: whether that was because the
    /// home's was first. Null: the store cannot be asked.
    /// </summary>
    public async ValueTask<bool?> IsDeliveredAsync(BodyId body)
    {
        try
        {
            return await _bodies.ExistsAsync(body, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private async ValueTask OnDeliverAsync(RemoteAsk ask)
    {
        var deliver = ask.Envelope.DeliverMessage;
        ImmutableArray<MailboxId> mailboxes = [.. deliver.Mailboxes.Select(static mailbox => new MailboxId(mailbox))];
        if (!IsSound(deliver, mailboxes))
        {
            ask.Fail(AskFailure.Failed);
            return;
        }

        var end = new DirectEnd(CommitOutcome.Refused, mailboxes);
        if (_direct.IsHome(mailboxes))
        {
            var body = new BodyId(deliver.Body);
            var traits = (MessageTraits)deliver.Traits;
            end = await _direct.DeliverAsync(
                new StoreOperation.InsertBody(body, deliver.Head.Memory, deliver.Octets, deliver.Chunks),
                new MailboxCommand.Deliver(body, checked((uint)deliver.Octets), deliver.WireOctets, traits),
                mailboxes,
                ask.Patience / 2);
        }

        var answer = new MessageDelivered { Delivered = end.Outcome == CommitOutcome.Committed };
        answer.Mailboxes.AddRange(end.Mailboxes.Select(static mailbox => mailbox.Value));
        ask.Answer(new Envelope { MessageDelivered = answer });
    }

    /// <summary>Of another version or a defect: a mailbox that came twice would wait for itself.</summary>
    private static bool IsSound(DeliverMessage deliver, ImmutableArray<MailboxId> mailboxes)
    {
        if (mailboxes.IsEmpty || deliver.Octets is < 0 or > uint.MaxValue || deliver.Octets < deliver.Head.Length)
        {
            return false;
        }

        for (var i = 1; i < mailboxes.Length; i++)
        {
            if (mailboxes[i].Value <= mailboxes[i - 1].Value)
            {
                return false;
            }
        }

        return true;
    }
}

/// <param name="IsDelivered">Durable.</param>
/// <param name="Mailboxes">Otherwise: who should get it another way; none, when all were removed.</param>
/// <param name="IsUnknown">It may have been delivered, or be yet.</param>
internal readonly record struct ForwardEnd(bool IsDelivered, ImmutableArray<MailboxId> Mailboxes, bool IsUnknown);
