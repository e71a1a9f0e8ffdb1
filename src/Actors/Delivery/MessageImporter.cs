using MailCluster.Actors.Cluster;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Puts messages of other servers into a mailbox, each exactly once: the commit that holds the message holds its key,
/// and the store takes no key twice.
/// </summary>
public sealed class MessageImporter(
    MailboxRegion region, IMailboxStore store, DeliveryOptions options, TimeProvider time, DeliveryMetrics metrics)
{
    /// <summary>Which node imports into this mailbox; null: this one, or none is known now.</summary>
    public NodePeer? HomeOf(MailboxId mailbox) =>
        region.Homes.Find(ShardId.Of(mailbox)) is { Kind: HomeKind.There } there ? there.Peer : null;

    /// <summary>
    /// Before the octets are read: <see cref="ImportVerdict.Stored"/> when it can come, else why it need not.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async ValueTask<ImportVerdict> LookAsync(
        MailboxId mailbox, string key, string? uniqueId, CancellationToken cancellationToken) =>
        !region.IsHome(mailbox) ? ImportVerdict.NotHere
        : await store.FindImportAsync(mailbox, key, uniqueId, cancellationToken) switch
        {
            ImportStanding.Imported => ImportVerdict.AlreadyThere,
            ImportStanding.UniqueIdTaken => ImportVerdict.UniqueIdTaken,
            _ => ImportVerdict.Stored,
        };

    /// <summary>
    /// The message takes its place in the mailbox before this returns: the messages of a source keep their order
    /// without waiting for each other's commits.
    /// </summary>
    public Task<ImportVerdict> ImportAsync(ImportedMessage message)
    {
        var first = Begin(message);
        return FinishAsync(message, first);
    }

    private Deliver Begin(ImportedMessage message)
    {
        var delivery = new Deliver(
            region,
            [message.Mailbox],
            new StoreOperation.InsertBody(message.Body, message.Head, message.Octets, message.Chunks),
            new MailboxCommand.Deliver(
                message.Body, message.Octets, message.WireOctets, MessageTraits.None, message.Origin),
            new StoreOperation.RecordImport(message.Mailbox, message.Key));
        delivery.Begin();
        return delivery;
    }

    private async Task<ImportVerdict> FinishAsync(ImportedMessage message, Deliver delivery)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var deadline = time.CreateTimer(
                static state => ((Deliver)state!).TryGiveUp(), delivery, options.ImportPatience,
                Timeout.InfiniteTimeSpan);
            var outcome = await delivery.Unit.Completion;
            if (outcome == CommitOutcome.Committed)
            {
                metrics.Imported();
                return ImportVerdict.Stored;
            }

            if (delivery.IsElsewhere || !region.IsHome(message.Mailbox))
            {
                return ImportVerdict.NotHere;
            }

            if (outcome != CommitOutcome.Refused || attempt == options.AttemptsMax)
            {
                return ImportVerdict.Unavailable;
            }

            if (delivery.Refusal == MailboxRefusal.UniqueIdTaken)
            {
                return ImportVerdict.UniqueIdTaken;
            }

            // Another upload of the same message may have come before this one; or the mailbox was loaded anew.
            var verdict = await AskAgainAsync(message);
            if (verdict != ImportVerdict.Stored)
            {
                return verdict;
            }

            delivery = Begin(message);
        }
    }

    private async ValueTask<ImportVerdict> AskAgainAsync(ImportedMessage message)
    {
        try
        {
            return await LookAsync(message.Mailbox, message.Key, message.Origin.UniqueId, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            return ImportVerdict.Unavailable;
        }
    }
}
