using System.Collections.Concurrent;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// How many contributions of a mailbox have not ended. Kept outside of the actor, because it must outlive an instance:
/// who loads while an earlier instance's writes are still in the lane would not see them and give their numbers again
/// (I4).
/// </summary>
internal sealed class OutstandingWrites
{
    private readonly ConcurrentDictionary<MailboxId, Writes> _writes = new();

    public bool Any(MailboxId mailbox) => _writes.ContainsKey(mailbox);

    /// <param name="held">A delivery that has no place in the lane yet; at most one of a mailbox.</param>
    public void Begin(MailboxId mailbox, Deliver? held = null) => _writes.AddOrUpdate(
        mailbox,
        static (_, held) => new Writes(1, held),
        static (_, writes, held) => new Writes(writes.Count + 1, held ?? writes.Held),
        held);

    /// <summary>What an empty unit placed now would not stand behind.</summary>
    public Deliver? Held(MailboxId mailbox) => _writes.TryGetValue(mailbox, out var writes) ? writes.Held : null;

    /// <summary>It stands in the lane.</summary>
    public void Release(MailboxId mailbox, Deliver held)
    {
        while (_writes.TryGetValue(mailbox, out var writes) && ReferenceEquals(writes.Held, held))
        {
            if (_writes.TryUpdate(mailbox, writes with { Held = null }, writes))
            {
                return;
            }
        }
    }

    public void End(MailboxId mailbox, CommitUnit? unit = null)
    {
        while (_writes.TryGetValue(mailbox, out var writes))
        {
            var held = unit is not null && ReferenceEquals(writes.Held?.Unit, unit) ? null : writes.Held;
            if (writes.Count > 1
                ? _writes.TryUpdate(mailbox, new Writes(writes.Count - 1, held), writes)
                : _writes.TryRemove(new KeyValuePair<MailboxId, Writes>(mailbox, writes)))
            {
                return;
            }
        }
    }

    private readonly record struct Writes(int Count, Deliver? Held);
}
