using System.Diagnostics;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// A loaded mailbox and its writes under way: decides, contributes to units, and makes the state follow their ends.
/// Owned by one instance of the actor; when its knowledge is in doubt, it is thrown away and loaded again.
/// </summary>
/// <param name="home">Under which it was loaded, and so the only one that it may write under (I3).</param>
internal sealed class MailboxLedger(
    MailboxState state, QuotaWatch watch, ShardEpoch home, MailboxSurroundings surroundings,
    IDeliveryParticipant participant)
{
    private readonly PendingWrites _pending = new();
    private Deliver? _held;

    public bool IsQuiet => _pending.IsEmpty;

    /// <summary>
    /// Something is committed, and perhaps acknowledged, that cannot be shown before an earlier write has ended.
    /// </summary>
    public bool IsOutOfOrder => _pending.IsOutOfOrder;

    public MaildropSnapshot Snapshot() => state.Snapshot();

    public MaildropTotals Totals() => new(state.Count, state.Octets);

    /// <summary>A delivery of this mailbox is not in the lane yet, so nothing else may go there before it.</summary>
    public bool IsHeld => _held is not null;

    /// <summary>
    /// Looked at after a write has been counted as outstanding: who hands the shard over first says that it moves and
    /// then looks for outstanding writes, so one of the two sees the other.
    /// </summary>
    public bool IsAtHome => home.Epoch == 0
        || (surroundings.Homes.Find(home.Shard) is { Kind: HomeKind.Here } now && now.Epoch == home.Epoch);

    public void Deliver(Deliver deliver, DateTimeOffset now)
    {
        var decision = MailboxDecider.Decide(state, deliver.Command, now);
        if (decision.Event is not { } added)
        {
            if (decision.Refusal == MailboxRefusal.UidsExhausted)
            {
                MailboxLog.UidsExhausted(surroundings.Log, state.Mailbox.Value);
            }

            deliver.TryGiveUp(decision.Refusal);
            return;
        }

        watch.Refresh();
        RearmWarning();
        surroundings.Outstanding.Begin(state.Mailbox, deliver.IsShared ? deliver : null);
        if (!IsAtHome)
        {
            surroundings.Outstanding.End(state.Mailbox, deliver.Unit);
            deliver.Undelivered(AskFailure.NotHere);
            return;
        }

        Guard(deliver.Unit);
        var join = deliver.Join(participant, Write(added));
        if (join == DeliveryJoin.Over)
        {
            surroundings.Outstanding.End(state.Mailbox, deliver.Unit);
            return;
        }

        state.Apply(added);
        _pending.Add(new PendingWrite(deliver.Unit, added, default));
        if (join == DeliveryJoin.Held)
        {
            _held = deliver;
        }
        else
        {
            surroundings.Outstanding.Release(state.Mailbox, deliver);
        }

        deliver.Continue(join);
    }

    /// <summary>True: what was put aside may go on.</summary>
    public bool TryRelease(CommitUnit unit)
    {
        if (!ReferenceEquals(_held?.Unit, unit))
        {
            return false;
        }

        _held = null;
        return true;
    }

    public void Remove(MailboxMessage.Remove remove, DateTimeOffset now)
    {
        var removed = MailboxDecider.Decide(state, remove.Command, now).Event;
        if (removed is null && _pending.IsEmpty)
        {
            remove.Reply.Reply(true);
            return;
        }

        // With nothing left to remove, the removal may still be on its way: an empty unit ends after it.
        var rearmBelow = removed is null ? null : watch.RearmBelow;
        var write = new PendingWrite(new CommitUnit(1), removed, remove.Reply) { RearmBelow = rearmBelow };
        var isPlaced = (removed, rearmBelow) switch
        {
            (null, _) => Contribute(write),
            (_, null) => Contribute(write, Write(removed)),
            (_, { } below) => Contribute(
                write, Write(removed), new StoreOperation.RearmWarning(state.Mailbox, below)),
        };
        if (!isPlaced && IsAtHome)
        {
            remove.Reply.Reply(false);
        }
        else if (!isPlaced)
        {
            remove.Undelivered(AskFailure.NotHere);
        }
        else if (removed is not null)
        {
            state.Apply(removed);
        }
    }

    /// <summary>
    /// Puts the notice into a mailbox that is nearly full. Not while a removal is under way: at its place in the lane
    /// the mailbox holds at least what it holds now, and the removal that makes room comes behind it.
    /// </summary>
    public void WarnIfDue(DateTimeOffset now)
    {
        if (IsHeld || state.IsAnyLeaving || !watch.IsDue(state.Octets))
        {
            return;
        }

        var (body, octets) = watch.Write(state.Octets, now);
        var size = (uint)octets.Length;
        if (MailboxDecider.Decide(state, new MailboxCommand.Deliver(body, size, size), now).Event is not { } added)
        {
            return;
        }

        if (Contribute(
            new PendingWrite(new CommitUnit(1), added, default) { IsNotice = true },
            new StoreOperation.InsertBody(body, octets, size, 0),
            Write(added),
            new StoreOperation.MarkWarned(state.Mailbox)))
        {
            state.Apply(added);
            watch.IsMarked = true;
        }
    }

    /// <summary>False: the state is in doubt. The store alone knows now, and no reply may be given from here.</summary>
    public bool TryEnd(CommitUnit unit, CommitOutcome outcome)
    {
        if (!_pending.TryEnd(unit, outcome))
        {
            // Of an earlier instance, or given up: the load that followed has seen it.
            return true;
        }

        while (_pending.TryTake(out var write))
        {
            if (write.Outcome == CommitOutcome.Committed)
            {
                Publish(write);
            }
            else if (!TryAbandon(write))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Askers of what is still under way are told that nobody knows.</summary>
    public void GiveUp(AskFailure why) => _pending.GiveUp(why);

    private void Publish(PendingWrite write)
    {
        switch (write.Event)
        {
            case MailboxEvent.MessageAdded:
                surroundings.Metrics.Added();
                break;
            case MailboxEvent.MessagesRemoved removed:
                surroundings.Metrics.Removed(removed.Numbers.Length);
                break;
        }

        if (write.Event is not null)
        {
            state.Publish(write.Event);
        }

        // As the store did at this place of the lane.
        watch.IsMarked &= !(state.Octets < write.RearmBelow);
        if (write.IsNotice)
        {
            watch.Noticed();
        }

        write.Reply.Reply(true);
    }

    /// <summary>Its limits have become greater: what was nearly full is not now, and may become so again.</summary>
    private void RearmWarning()
    {
        if (watch.IsStale(state.Octets))
        {
            var below = watch.RearmBelow!.Value;
            watch.IsMarked = !Contribute(
                new PendingWrite(new CommitUnit(1), null, default),
                new StoreOperation.RearmWarning(state.Mailbox, below));
        }
    }

    private bool Contribute(PendingWrite write, params ReadOnlySpan<StoreOperation> operations)
    {
        surroundings.Outstanding.Begin(state.Mailbox);
        Guard(write.Unit);
        if (!IsAtHome || !write.Unit.Contribute(surroundings.Committer, participant, operations))
        {
            surroundings.Outstanding.End(state.Mailbox);
            return false;
        }

        _pending.Add(write);
        return true;
    }

    /// <summary>
    /// False for what this mailbox may be wrong about: a row that was not as it thought, a store that failed. What
    /// another mailbox declined leaves a gap in the numbers and nothing else.
    /// </summary>
    private bool TryAbandon(PendingWrite write)
    {
        if (write.Event is not null)
        {
            state.Abandon(write.Event);
            surroundings.Metrics.Abandoned();
        }

        if (write.Outcome == CommitOutcome.StoreFailed && !IsAtHome)
        {
            // Nothing was written; the new home does it.
            write.Reply.Fail(AskFailure.NotHere);
        }
        else
        {
            write.Reply.Reply(false);
        }

        return write.Outcome == CommitOutcome.LaneFull
            || (write.Outcome == CommitOutcome.Refused && write.Unit.IsRefused);
    }

    private void Guard(CommitUnit unit)
    {
        if (home.Epoch != 0)
        {
            unit.Guard(home);
        }
    }

    private StoreOperation Write(MailboxEvent @event) => @event switch
    {
        MailboxEvent.MessageAdded added => new StoreOperation.InsertMessage(
            state.Mailbox,
            added.Folder,
            added.Number,
            added.Uid,
            added.ModSeq,
            added.Body,
            added.Octets,
            added.WireOctets,
            added.InternalDate,
            added.Traits,
            added.Flags,
            added.ForeignUniqueId),
        MailboxEvent.MessagesRemoved removed =>
            new StoreOperation.DeleteMessages(state.Mailbox, removed.Folder, removed.Numbers, removed.ModSeq),
        _ => throw new UnreachableException(),
    };
}
