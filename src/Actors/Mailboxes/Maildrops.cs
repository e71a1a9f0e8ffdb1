using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>The maildrops as a POP3 session uses them: open, and remove at QUIT.</summary>
/// <exception cref="AskFailedException">From every task: no answer in time, or the store is away. A temporary
/// failure.</exception>
public sealed class Maildrops(MailboxRegion region)
{
    /// <summary>
    /// The messages as committed now; null when there is no such mailbox. Shared by all who open the same generation.
    /// </summary>
    public ValueTask<MaildropSnapshot?> OpenAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return region.Ask<MaildropSnapshot?, object?>(
            mailbox, static (reply, _) => new MailboxMessage.TakeSnapshot(reply), null, region.Options.OpenDeadline);
    }

    /// <summary>
    /// Removes exactly these; true after the commit. Those already removed by another session count as done. False:
    /// nothing was removed. An exception: it is not known whether they are.
    /// </summary>
    public ValueTask<bool> DeleteAsync(
        MailboxId mailbox, ImmutableArray<MessageNumber> numbers, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return numbers.IsEmpty
            ? ValueTask.FromResult(true)
            : region.Ask<bool, ImmutableArray<MessageNumber>>(
                mailbox,
                static (reply, numbers) => new MailboxMessage.Remove(new MailboxCommand.Remove(numbers), reply),
                numbers,
                region.Options.DeleteDeadline);
    }

    /// <summary>Null when there is no such mailbox.</summary>
    public ValueTask<MaildropTotals?> ShowAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return region.Ask<MaildropTotals?, object?>(
            mailbox, static (reply, _) => new MailboxMessage.Show(reply), null, region.Options.OpenDeadline);
    }
}
