using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Storage;

/// <summary>
/// Reads immutable bodies in short reads; nothing is held between two of them. Writing goes through the committer.
/// </summary>
public interface IBodyStore
{
    /// <summary>
    /// An id that no body has and none will get again. Does not block and needs no commit (ids are taken in leased
    /// blocks).
    /// </summary>
    BodyId NextId();

    /// <summary>
    /// Reads from <paramref name="offset"/> into <paramref name="destination"/>; the number of octets read is less than
    /// its length only at the end of the body, 0 beyond it.
    /// </summary>
    ValueTask<int> ReadAsync(BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>
    /// Whether the body has become live, by whatever node, and was not swept since: only one commit can do that.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    ValueTask<bool> ExistsAsync(BodyId body, CancellationToken cancellationToken);

    /// <summary>
    /// The first read of RETR and TOP: as <see cref="ReadAsync"/> at offset 0, but -1 when the message is no longer in
    /// its mailbox (STANXPOP3-C0004).
    /// </summary>
    ValueTask<int> ReadMessageAsync(
        MailboxId mailbox, MessageNumber number, BodyId body, Memory<byte> destination,
        CancellationToken cancellationToken);

    /// <summary>
    /// Reads ahead: whole messages, one behind the other, as many of the first ones as are still there and fit. Returns
    /// how many. 0 from a store that does not read ahead.
    /// </summary>
    ValueTask<int> ReadMessagesAsync(
        MailboxId mailbox, ReadOnlyMemory<MessageEntry> entries, Memory<byte> destination,
        CancellationToken cancellationToken) =>
        ValueTask.FromResult(0);

    /// <summary>
    /// While it is the same as before <see cref="ReadMessagesAsync"/> was called, every message that was read is still
    /// in its mailbox. It may change for no reason; it has changed before a removal is acknowledged to anyone.
    /// </summary>
    long RemovalStamp(MailboxId mailbox) => 0;
}
