using MailCluster.Shared;

namespace MailCluster.Actors.Storage;

/// <summary>Reads immutable bodies in short reads; nothing is held between two of them. Writing goes through the committer.</summary>
public interface IBodyStore
{
    /// <summary>An id that no body has and none will get again. Does not block and needs no commit (ids are taken in leased blocks).</summary>
    BodyId NextId();

    /// <summary>
    /// Reads from <paramref name="offset"/> into <paramref name="destination"/>; the number of octets read is less than
    /// its length only at the end of the body, 0 beyond it.
    /// </summary>
    ValueTask<int> ReadAsync(BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>
    /// The first read of RETR and TOP: as <see cref="ReadAsync"/> at offset 0, but -1 when the message is no longer in
    /// its mailbox (STANXPOP3-C0004).
    /// </summary>
    ValueTask<int> ReadMessageAsync(
        MailboxId mailbox, MessageNumber number, BodyId body, Memory<byte> destination, CancellationToken cancellationToken);
}
