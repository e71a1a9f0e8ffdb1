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
public sealed class MessageImporter
{
    private readonly MailboxRegion _region;
    private readonly IMailboxStore _store;
    private readonly DeliveryOptions _options;
    private readonly TimeProvider _time;
    private readonly DeliveryMetrics _metrics;
    private readonly ForwardedImport? _forwarded;

    /// <param name="asks">Null: this node is alone. Otherwise made before the first link, as others may ask.</param>
    public MessageImporter(
        MailboxRegion region, IMailboxStore store, DeliveryOptions options, TimeProvider time, DeliveryMetrics metrics,
        ShardAsks? asks = null)
    {
        _region = region;
        _store = store;
        _options = options;
        _time = time;
        _metrics = metrics;
        _forwarded = asks is null ? null : new ForwardedImport(asks, options, ImportHereAsync);
    }

    /// <summary>Which other node imports into this mailbox; null: this one, or none is known now.</summary>
    public NodePeer? HomeOf(MailboxId mailbox) =>
        _region.Homes.Find(ShardId.Of(mailbox)) is { Kind: HomeKind.There } there ? there.Peer : null;

    /// <summary>Octets of a message that are not staged, when it goes to this home.</summary>
    public int HeadOctetsMaxFor(NodePeer? home) =>
        home is null ? BodyLayout.HeadOctetsMax : _options.ImportedHeadMax;

    /// <summary>
    /// Before the octets are read: <see cref="ImportVerdict.Stored"/> when it can come, else why it need not.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async ValueTask<ImportVerdict> LookAsync(
        MailboxId mailbox, string key, string? uniqueId, CancellationToken cancellationToken) =>
        _region.Homes.Find(ShardId.Of(mailbox)).Kind is not (HomeKind.Here or HomeKind.There) ? ImportVerdict.NotHere
        : await _store.FindImportAsync(mailbox, key, uniqueId, cancellationToken) switch
        {
            ImportStanding.Imported => ImportVerdict.AlreadyThere,
            ImportStanding.UniqueIdTaken => ImportVerdict.UniqueIdTaken,
            _ => ImportVerdict.Stored,
        };

    /// <summary>
    /// The message takes its place before this returns, in the mailbox or on the way to its home: the messages of a
    /// source keep their order without waiting for each other's commits.
    /// </summary>
    /// <param name="home">Of <see cref="HomeOf"/>, the same one for all that are to keep their order.</param>
    public Task<ImportVerdict> ImportAsync(ImportedMessage message, NodePeer? home) =>
        home is not { } there ? ImportHereAsync(message)
        : _forwarded is null || HomeOf(message.Mailbox) != home ? Task.FromResult(ImportVerdict.NotHere)
        : _forwarded.AskAsync(there, message);

    private Task<ImportVerdict> ImportHereAsync(ImportedMessage message)
    {
        var first = Begin(message);
        return FinishAsync(message, first);
    }

    private Deliver Begin(ImportedMessage message)
    {
        var delivery = new Deliver(
            _region,
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
            using var deadline = _time.CreateTimer(
                static state => ((Deliver)state!).TryGiveUp(), delivery, _options.ImportPatience,
                Timeout.InfiniteTimeSpan);
            var outcome = await delivery.Unit.Completion;
            if (outcome == CommitOutcome.Committed)
            {
                _metrics.Imported();
                return ImportVerdict.Stored;
            }

            if (delivery.IsElsewhere || !_region.IsHome(message.Mailbox))
            {
                return ImportVerdict.NotHere;
            }

            if (outcome != CommitOutcome.Refused || attempt == _options.AttemptsMax)
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
