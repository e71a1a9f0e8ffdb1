using System.Diagnostics;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The one writer of a mailbox (I3). A turn decides on speculative state, contributes to a commit unit and goes on; what
/// is committed comes back as a message, and only then is it shown and answered for.
/// </summary>
internal sealed class MailboxActor(MailboxId mailbox, MailboxSurroundings surroundings)
    : Actor<MailboxMessage>, ICommitParticipant
{
    private readonly PendingWrites _pending = new();
    private ActorRef<MailboxMessage>? _self;
    private MailboxState? _state;
    private CommitUnit? _fence;
    private object? _load;
    private long _since;
    private Phase _phase;

    private enum Phase
    {
        /// <summary>Waits for writes of an earlier instance to end.</summary>
        Fencing,
        Loading,
        Active,
        Missing,

        /// <summary>The store could not be asked; the next request after a while tries again.</summary>
        Unavailable,
    }

    protected internal override bool MayPassivate => _pending.IsEmpty && _phase is not (Phase.Fencing or Phase.Loading);

    /// <summary>On the committer's thread.</summary>
    public void Ended(CommitUnit unit, CommitOutcome outcome)
    {
        _self!.Notify(new MailboxMessage.CommitEnded(unit, outcome));
        surroundings.Outstanding.End(mailbox);
    }

    protected internal override void Started()
    {
        _self = Context.Self;
        Begin();
    }

    protected internal override void Stopping() => _pending.GiveUp();

    protected internal override void Receive(MailboxMessage message)
    {
        switch (message)
        {
            case MailboxMessage.CommitEnded ended:
                OnCommitEnded(ended.Unit, ended.Outcome);
                return;
            case MailboxMessage.LoadEnded ended:
                OnLoadEnded(ended);
                return;
        }

        if (_phase == Phase.Unavailable && Elapsed >= surroundings.Options.RetryAfter)
        {
            Begin();
        }

        switch (_phase)
        {
            case Phase.Active:
                Handle(message, _state!);
                break;
            case Phase.Missing:
                AnswerMissing(message);
                break;
            case Phase.Unavailable:
                ((IUndeliverable)message).Undelivered(AskFailure.Failed);
                break;
            default:
                PutAside(message);
                break;
        }
    }

    private TimeSpan Elapsed => Context.Time.GetElapsedTime(_since);

    private static void AnswerMissing(MailboxMessage message)
    {
        switch (message)
        {
            case MailboxMessage.Deliver deliver:
                deliver.Withdraw();
                break;
            case MailboxMessage.Prepare prepare:
                prepare.Reply.Reply(MailboxReadiness.Gone);
                break;
            case MailboxMessage.TakeSnapshot take:
                take.Reply.Reply(null);
                break;
            case MailboxMessage.Remove remove:
                remove.Reply.Reply(false);
                break;
            case MailboxMessage.Show show:
                show.Reply.Reply(null);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void Handle(MailboxMessage message, MailboxState state)
    {
        switch (message)
        {
            case MailboxMessage.Deliver deliver:
                Deliver(deliver, state);
                break;
            case MailboxMessage.Prepare prepare:
                prepare.Reply.Reply(MailboxReadiness.Ready);
                break;
            case MailboxMessage.TakeSnapshot when _pending.IsOutOfOrder:
                // Something is acknowledged that cannot be shown yet; it will be after the commit before it.
                Context.Stash(message);
                break;
            case MailboxMessage.TakeSnapshot take:
                take.Reply.Reply(state.Snapshot());
                break;
            case MailboxMessage.Remove remove:
                Remove(remove, state);
                break;
            case MailboxMessage.Show show:
                show.Reply.Reply(new MaildropTotals(state.Count, state.Octets));
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void Deliver(MailboxMessage.Deliver deliver, MailboxState state)
    {
        if (!deliver.TryClaim())
        {
            return;
        }

        var decision = MailboxDecider.Decide(state, deliver.Command, Context.Time.GetUtcNow());
        if (decision.Event is not MailboxEvent.MessageAdded added)
        {
            MailboxLog.UidsExhausted(surroundings.Log, mailbox.Value);
            deliver.Withdraw();
            return;
        }

        surroundings.Outstanding.Begin(mailbox);
        if (deliver.Contribute(this, Write(added)))
        {
            state.Apply(added);
            _pending.Add(new PendingWrite(deliver.Unit, added, default));
        }
        else
        {
            surroundings.Outstanding.End(mailbox);
        }
    }

    private void Remove(MailboxMessage.Remove remove, MailboxState state)
    {
        var decision = MailboxDecider.Decide(state, remove.Command, Context.Time.GetUtcNow());
        if (decision.Event is null && _pending.IsEmpty)
        {
            remove.Reply.Reply(true);
            return;
        }

        // Nothing left to remove, but the removal may be on its way: an empty unit ends after it.
        var unit = new CommitUnit(1);
        ReadOnlySpan<StoreOperation> write =
            decision.Event is MailboxEvent.MessagesRemoved removed ? [Write(removed)] : [];
        surroundings.Outstanding.Begin(mailbox);
        if (!unit.Contribute(surroundings.Committer, this, write))
        {
            surroundings.Outstanding.End(mailbox);
            remove.Reply.Reply(false);
            return;
        }

        if (decision.Event is not null)
        {
            state.Apply(decision.Event);
        }

        _pending.Add(new PendingWrite(unit, decision.Event, remove.Reply));
    }

    private StoreOperation.InsertMessage Write(MailboxEvent.MessageAdded added) => new(
        mailbox,
        added.Folder,
        added.Number,
        added.Uid,
        added.ModSeq,
        added.Body,
        added.Octets,
        added.WireOctets,
        added.InternalDate);

    private StoreOperation.DeleteMessages Write(MailboxEvent.MessagesRemoved removed) =>
        new(mailbox, removed.Folder, removed.Numbers, removed.ModSeq);

    private void OnCommitEnded(CommitUnit unit, CommitOutcome outcome)
    {
        if (ReferenceEquals(unit, _fence))
        {
            // However it ended, all before it in the lane has.
            _fence = null;
            Load();
            return;
        }

        if (!_pending.TryEnd(unit, outcome))
        {
            return;
        }

        var wasOutOfOrder = _pending.IsOutOfOrder;
        while (_pending.TryTake(out var write))
        {
            if (write.Outcome == CommitOutcome.Committed)
            {
                Publish(write);
            }
            else if (!TryAbandon(write))
            {
                return;
            }
        }

        if (wasOutOfOrder && !_pending.IsOutOfOrder)
        {
            Context.UnstashAll();
        }
    }

    private void Publish(PendingWrite write)
    {
        if (write.Event is not null)
        {
            _state!.Publish(write.Event);
        }

        if (write.Event is MailboxEvent.MessagesRemoved removed)
        {
            surroundings.Metrics.Removed(removed.Numbers.Length);
        }
        else if (write.Event is not null)
        {
            surroundings.Metrics.Added();
        }

        write.Reply.Reply(true);
    }

    /// <summary>False: what this instance knows is in doubt, and it has begun to load again.</summary>
    private bool TryAbandon(PendingWrite write)
    {
        if (write.Event is not null)
        {
            _state!.Abandon(write.Event);
            surroundings.Metrics.Abandoned();
        }

        write.Reply.Reply(false);
        var isOthersRefusal = write.Outcome == CommitOutcome.Refused && write.Unit.IsRefused;
        if (isOthersRefusal || write.Outcome == CommitOutcome.LaneFull)
        {
            return true;
        }

        MailboxLog.Reloading(surroundings.Log, mailbox.Value, write.Outcome!.Value);
        surroundings.Metrics.Reloading();
        _pending.GiveUp();
        Begin();
        return false;
    }

    /// <summary>
    /// Loads, but not before all writes that this mailbox has in the lane have ended: their numbers are taken (I4). An
    /// empty unit takes its place behind them all.
    /// </summary>
    private void Begin()
    {
        _state = null;
        if (!surroundings.Outstanding.Any(mailbox))
        {
            Load();
            return;
        }

        _fence = new CommitUnit(1);
        _phase = Phase.Fencing;
        surroundings.Metrics.Fenced();
        surroundings.Outstanding.Begin(mailbox);
        if (!_fence.Contribute(surroundings.Committer, this))
        {
            surroundings.Outstanding.End(mailbox);
            _fence = null;
            BecomeUnavailable();
        }
    }

    private void Load()
    {
        _phase = Phase.Loading;
        _since = Context.Time.GetTimestamp();
        _load = new object();
        _ = LoadAsync(_load);
    }

    private async Task LoadAsync(object ticket)
    {
        MailboxMessage.LoadEnded ended;
        try
        {
            ended = new(ticket, await surroundings.Store.LoadAsync(mailbox, CancellationToken.None), null);
        }
        catch (Exception failure)
        {
            // Whatever it is, the actor has to hear of it: it waits.
            ended = new(ticket, null, failure);
        }

        _self!.Notify(ended);
    }

    private void OnLoadEnded(MailboxMessage.LoadEnded ended)
    {
        if (!ReferenceEquals(ended.Ticket, _load))
        {
            return;
        }

        _load = null;
        var inbox = ended.Image?.Folders.FirstOrDefault(folder => folder.Folder == FolderId.Inbox);
        var failure = ended.Failure ?? (ended.Image is not null && inbox is null ? new NoInboxException() : null);
        surroundings.Metrics.LoadEnded(Elapsed, failure is not null, ended.Image is null);
        if (failure is not null)
        {
            MailboxLog.LoadFailed(surroundings.Log, mailbox.Value, failure);
            BecomeUnavailable();
        }
        else if (ended.Image is null)
        {
            MailboxLog.Missing(surroundings.Log, mailbox.Value);
            _phase = Phase.Missing;
        }
        else
        {
            var image = ended.Image;
            _state = new MailboxState(mailbox, image.LastNumber, image.ModSeq, inbox!.UidNext, image.Inbox);
            _phase = Phase.Active;
        }

        Context.UnstashAll();
    }

    private void BecomeUnavailable()
    {
        _phase = Phase.Unavailable;
        _since = Context.Time.GetTimestamp();
        Context.UnstashAll();
    }

    /// <summary>The mailbox is not here yet. A unit that others have part in cannot wait for it: it may hold up the lane.</summary>
    private void PutAside(MailboxMessage message)
    {
        if (message is MailboxMessage.Deliver { IsShared: true } deliver)
        {
            deliver.Withdraw();
        }
        else
        {
            Context.Stash(message);
        }
    }

    private sealed class NoInboxException() : Exception("The store has the mailbox, but no INBOX in it.");
}
