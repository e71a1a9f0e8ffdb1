using System.Collections.Concurrent;
using MailCluster.Shared;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// How many contributions of a mailbox have not ended. Kept outside of the actor, because it must outlive an instance: who
/// loads while an earlier instance's writes are still in the lane would not see them and give their numbers again (I4).
/// </summary>
internal sealed class OutstandingWrites
{
    private readonly ConcurrentDictionary<MailboxId, int> _counts = new();

    public bool Any(MailboxId mailbox) => _counts.ContainsKey(mailbox);

    public void Begin(MailboxId mailbox) => _counts.AddOrUpdate(mailbox, 1, static (_, count) => count + 1);

    public void End(MailboxId mailbox)
    {
        while (_counts.TryGetValue(mailbox, out var count))
        {
            if (count > 1
                ? _counts.TryUpdate(mailbox, count - 1, count)
                : _counts.TryRemove(new KeyValuePair<MailboxId, int>(mailbox, count)))
            {
                return;
            }
        }
    }
}
