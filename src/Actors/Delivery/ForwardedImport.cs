using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Imported messages on their way to the home of their mailbox: a head in the ask, what stands behind it staged in the
/// common store before. Keys make that safe: what was not answered is sent again by whoever imports (I2).
/// </summary>
internal sealed class ForwardedImport
{
    private readonly ShardAsks _asks;
    private readonly DeliveryOptions _options;

    /// <param name="import">What this node does with a message that it is the home of; its part before the first await
    /// runs in the order of the asks.</param>
    public ForwardedImport(
        ShardAsks asks, DeliveryOptions options, Func<ImportedMessage, Task<ImportVerdict>> import)
    {
        _asks = asks;
        _options = options;
        asks.HandleAsync(Envelope.BodyOneofCase.ImportMessage, ask => AnswerAsync(ask, import));
    }

    /// <summary>
    /// Sent before this returns. <see cref="ImportVerdict.Unavailable"/> also when it is not known what became of it.
    /// </summary>
    public async Task<ImportVerdict> AskAsync(NodePeer home, ImportedMessage message)
    {
        var ask = new ImportMessage
        {
            Mailbox = message.Mailbox.Value,
            Key = message.Key,
            Body = message.Body.Value,
            // Serialised before this returns: nothing holds the octets then.
            Head = UnsafeByteOperations.UnsafeWrap(message.Head),
            Octets = message.Octets,
            Chunks = message.Chunks,
            WireOctets = message.WireOctets,
            InternalDateMilliseconds = message.Origin.InternalDate.ToUnixTimeMilliseconds(),
            Flags = (uint)message.Origin.Flags,
        };
        if (message.Origin.UniqueId is { } uniqueId)
        {
            ask.UniqueId = uniqueId;
        }

        try
        {
            var answer = await _asks.AskAsync(
                home,
                new Envelope { Shard = ShardAsks.NumberOf(ShardId.Of(message.Mailbox)), ImportMessage = ask },
                _options.ImportPatience * 2,
                LinkLane.Bulk);
            return answer.MessageImported?.Outcome switch
            {
                MessageImported.Types.Outcome.Stored => ImportVerdict.Stored,
                MessageImported.Types.Outcome.AlreadyThere => ImportVerdict.AlreadyThere,
                MessageImported.Types.Outcome.UniqueIdTaken => ImportVerdict.UniqueIdTaken,
                _ => ImportVerdict.Unavailable,
            };
        }
        catch (AskFailedException failure)
        {
            return failure.Why == AskFailure.NotHere ? ImportVerdict.NotHere : ImportVerdict.Unavailable;
        }
    }

    private static async ValueTask AnswerAsync(RemoteAsk ask, Func<ImportedMessage, Task<ImportVerdict>> import)
    {
        if (Read(ask.Envelope.ImportMessage) is not { } message)
        {
            ask.Fail(AskFailure.Failed);
            return;
        }

        var verdict = await import(message);
        if (verdict == ImportVerdict.NotHere)
        {
            ask.Fail(AskFailure.NotHere);
            return;
        }

        ask.Answer(new Envelope
        {
            MessageImported = new MessageImported
            {
                Outcome = verdict switch
                {
                    ImportVerdict.Stored => MessageImported.Types.Outcome.Stored,
                    ImportVerdict.AlreadyThere => MessageImported.Types.Outcome.AlreadyThere,
                    ImportVerdict.UniqueIdTaken => MessageImported.Types.Outcome.UniqueIdTaken,
                    _ => MessageImported.Types.Outcome.Unavailable,
                },
            },
        });
    }

    /// <summary>Null: of another version or a defect.</summary>
    private static ImportedMessage? Read(ImportMessage ask)
    {
        var uniqueId = ask.HasUniqueId ? ask.UniqueId : null;
        if (ask.Key.Length == 0 || ask.Octets is < 0 or > uint.MaxValue || ask.Octets < ask.Head.Length
            || ask.Chunks < 0 || ask.InternalDateMilliseconds < DateTimeOffset.MinValue.ToUnixTimeMilliseconds()
            || ask.InternalDateMilliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            || (uniqueId is not null && !ForeignUniqueId.IsValid(uniqueId)))
        {
            return null;
        }

        var date = DateTimeOffset.FromUnixTimeMilliseconds(ask.InternalDateMilliseconds);
        return new ImportedMessage(
            new MailboxId(ask.Mailbox), ask.Key, new MessageOrigin(date, (MessageAttributes)ask.Flags, uniqueId),
            new BodyId(ask.Body), ask.Head.Memory, (uint)ask.Octets, ask.Chunks, ask.WireOctets);
    }
}
