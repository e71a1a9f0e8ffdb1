using System.Collections.Immutable;
using MailCluster.Shared;

namespace MailCluster.Actors.Storage;

/// <summary>Which rows an administrator asks for; what is null is not asked.</summary>
/// <param name="Recipient">The whole address, letters of ASCII compared without case.</param>
/// <param name="Domain">Of the recipient, compared the same way.</param>
public sealed record SpoolFilter(MailboxId? Mailbox = null, string? Recipient = null, string? Domain = null);

/// <summary>Mailboxes that something waits for.</summary>
/// <param name="Due">Those with a row that is due, in the order of shard and number.</param>
/// <param name="Next">Where to go on; null: these were the last.</param>
public readonly record struct SpoolMailboxes(ImmutableArray<MailboxId> Due, MailboxId? Next);

/// <summary>
/// Reads of what waits for delivery; writing goes through the committer. A row belongs to its mailbox's shard and to no
/// node. No read takes more than its limit into memory, whatever waits.
/// </summary>
public interface ISpoolStore
{
    /// <summary>Rows in the store, those that were given up too. Costs no read.</summary>
    long Count { get; }

    /// <summary>As <see cref="IBodyStore.NextId"/>.</summary>
    SpoolId NextId();

    /// <summary>
    /// Looks at the next <paramref name="limit"/> mailboxes that rows wait for, from <paramref name="from"/> on (null:
    /// from the first). One with many rows costs no more than one with a single row.
    /// </summary>
    ValueTask<SpoolMailboxes> ListMailboxesAsync(
        MailboxId? from, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The first rows of a mailbox that are due at <paramref name="until"/>, those that wait longest first. None that
    /// was given up.
    /// </summary>
    ValueTask<ImmutableArray<SpoolRow>> ListDueAsync(
        MailboxId mailbox, DateTimeOffset until, int limit, CancellationToken cancellationToken);

    /// <summary>A page in the order of ids.</summary>
    ValueTask<ImmutableArray<SpoolRow>> ListAsync(
        SpoolFilter filter, SpoolId after, int limit, CancellationToken cancellationToken);

    ValueTask<SpoolRow?> FindAsync(SpoolId id, CancellationToken cancellationToken);

    /// <summary>When the oldest row that was not given up was queued; null: there is none.</summary>
    ValueTask<DateTimeOffset?> FindOldestAsync(CancellationToken cancellationToken);
}
