using System.Collections.Concurrent;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// How many contributions of a mailbox have not ended. Kept outside of the actor, because it must outlive an instance:
/// who loads while an earlier instance's writes are still in the lane would not see them and give their numbers again
/// (I4). Counted by shard too, so that a shard is given away when none of its writes is under way.
/// </summary>
internal sealed class OutstandingWrites
{
    private readonly ConcurrentDictionary<MailboxId, Writes> _writes = new();

    // One count for the shards of one number, whatever their cell: who waits then waits for a few more.
    private readonly int[] _byShard = new int[MailboxId.Shards];
    private readonly Lock _gate = new();
    private readonly List<(int[] Shards, ReplyTo<bool> Reply)> _waits = [];
    private int _waiting;

    public bool Any(MailboxId mailbox) => _writes.ContainsKey(mailbox);

    /// <param name="held">A delivery that has no place in the lane yet; at most one of a mailbox.</param>
    public void Begin(MailboxId mailbox, Deliver? held = null)
    {
        Interlocked.Increment(ref _byShard[mailbox.Shard]);
        _writes.AddOrUpdate(
            mailbox,
            static (_, held) => new Writes(1, held),
            static (_, writes, held) => new Writes(writes.Count + 1, held ?? writes.Held),
            held);
    }

    /// <summary>What an empty unit placed now would not stand behind.</summary>
    public Deliver? Held(MailboxId mailbox) => _writes.TryGetValue(mailbox, out var writes) ? writes.Held : null;

    /// <summary>Of all mailboxes of these shards.</summary>
    public Deliver[] Held(IReadOnlySet<int> shards) =>
    [
        .. _writes.Where(entry => entry.Value.Held is not null && shards.Contains(entry.Key.Shard))
            .OrderBy(entry => entry.Key.Value).Select(entry => entry.Value.Held!),
    ];

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
                if (Interlocked.Decrement(ref _byShard[mailbox.Shard]) == 0 && Volatile.Read(ref _waiting) > 0)
                {
                    Look();
                }

                return;
            }
        }
    }

    /// <summary>Is replied to as soon as none of these shards has a write under way.</summary>
    public void TellWhenNone(IReadOnlySet<int> shards, ReplyTo<bool> reply)
    {
        lock (_gate)
        {
            _waits.Add(([.. shards.Order()], reply));
            Interlocked.Increment(ref _waiting);
        }

        Look();
    }

    /// <summary>It waits no longer.</summary>
    public void Forget(ReplyTo<bool> reply)
    {
        lock (_gate)
        {
            _waiting -= _waits.RemoveAll(wait => wait.Reply.Equals(reply));
        }
    }

    private void Look()
    {
        List<ReplyTo<bool>> over = [];
        lock (_gate)
        {
            for (var i = _waits.Count - 1; i >= 0; i--)
            {
                if (Array.TrueForAll(_waits[i].Shards, shard => Volatile.Read(ref _byShard[shard]) == 0))
                {
                    over.Add(_waits[i].Reply);
                    _waits.RemoveAt(i);
                    _waiting--;
                }
            }
        }

        over.ForEach(reply => reply.Reply(true));
    }

    private readonly record struct Writes(int Count, Deliver? Held);
}
