using System.Diagnostics;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The one writer of a mailbox (I3). A turn decides on speculative state, contributes to a commit unit and goes on;
/// what is committed comes back as a message, and only then is it shown and answered for.
/// </summary>
internal sealed class MailboxActor : Actor<MailboxMessage>, IDeliveryParticipant
{
    private const long NoEpoch = -1;

    private readonly MailboxId _mailbox;
    private readonly MailboxSurroundings _surroundings;
    private readonly MailboxLoading _loading;
    private readonly ShardId _shard;
    private ActorRef<MailboxMessage>? _self;
    private MailboxLedger? _ledger;
    private long _since;
    private long _epoch = NoEpoch;
    private bool _isAfterFailure;
    private Phase _phase;

    public MailboxActor(MailboxId mailbox, MailboxSurroundings surroundings)
    {
        _mailbox = mailbox;
        _shard = ShardId.Of(mailbox);
        _surroundings = surroundings;
        _loading = new MailboxLoading(mailbox, surroundings, this);
    }

    private enum Phase
    {
        Loading,
        Active,
        Missing,

        /// <summary>The store could not be asked; the next request after a while tries again.</summary>
        Unavailable,

        /// <summary>This node was not its home when it looked; the next request looks again.</summary>
        Away,
    }

    protected internal override bool MayPassivate => _ledger is not { IsQuiet: false } && !_loading.IsRunning;

    private TimeSpan Elapsed => Context.Time.GetElapsedTime(_since);

    /// <summary>On the committer's thread.</summary>
    public void Ended(CommitUnit unit, CommitOutcome outcome)
    {
        _self!.Notify(new MailboxMessage.CommitEnded(unit, outcome));
        _surroundings.Outstanding.End(_mailbox, unit);
    }

    /// <summary>On the thread of the last mailbox of the delivery.</summary>
    public void Placed(Deliver delivery)
    {
        _surroundings.Outstanding.Release(_mailbox, delivery);
        _self!.Notify(new MailboxMessage.Released(delivery));
    }

    protected internal override void Started()
    {
        _self = Context.Self;
        Begin();
    }

    protected internal override void Stopping() => _ledger?.GiveUp(AskFailure.Failed);

    protected internal override void Receive(MailboxMessage message)
    {
        switch (message)
        {
            case MailboxMessage.CommitEnded ended:
                OnCommitEnded(ended.Unit, ended.Outcome);
                break;
            case MailboxMessage.LoadEnded ended:
                OnLoadEnded(ended);
                break;
            case MailboxMessage.Released released:
                if (_ledger?.TryRelease(released.Delivery.Unit) == true)
                {
                    _ledger.WarnIfDue(Context.Time.GetUtcNow());
                    Context.UnstashAll();
                }

                break;
            case MailboxMessage.Request request:
                OnRequest(request);
                break;
            case MailboxMessage.Left left when left.Epoch >= _epoch:
                OnLeft();
                break;
            case MailboxMessage.Left:
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void OnRequest(MailboxMessage.Request request)
    {
        var home = _surroundings.Homes.Find(_shard);
        if (home.Kind != HomeKind.Here)
        {
            // What is loaded stays for as long as nobody else has become its home.
            request.Undelivered(AskFailure.NotHere);
            return;
        }

        if (home.Epoch != _epoch)
        {
            // Others may have written meanwhile.
            _ledger?.GiveUp(AskFailure.Interrupted);
            Begin();
        }
        else if (_phase == Phase.Unavailable && Elapsed >= _surroundings.Options.RetryAfter)
        {
            Begin();
        }

        switch (_phase)
        {
            case Phase.Active:
                Handle(request, _ledger!);
                break;
            case Phase.Missing:
                request.Missing();
                break;
            case Phase.Unavailable:
                request.Undelivered(AskFailure.Failed);
                break;
            case Phase.Away:
                request.Undelivered(AskFailure.NotHere);
                break;
            default:
                PutAside(request);
                break;
        }
    }

    private void Handle(MailboxMessage.Request request, MailboxLedger ledger)
    {
        switch (request)
        {
            case Deliver or MailboxMessage.Remove when ledger.IsHeld:
            case MailboxMessage.TakeSnapshot when ledger.IsOutOfOrder:
                Context.Stash(request);
                break;
            case Deliver deliver:
                ledger.Deliver(deliver, Context.Time.GetUtcNow());
                break;
            case MailboxMessage.Prepare prepare:
                prepare.Reply.Reply(MailboxReadiness.Ready);
                break;
            case MailboxMessage.TakeSnapshot take:
                take.Reply.Reply(ledger.Snapshot());
                break;
            case MailboxMessage.Remove remove:
                ledger.Remove(remove, Context.Time.GetUtcNow());
                break;
            case MailboxMessage.Show show:
                show.Reply.Reply(ledger.Totals());
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void OnCommitEnded(CommitUnit unit, CommitOutcome outcome)
    {
        if (_loading.TryPass(unit, Context.Self) || _ledger is not { } ledger)
        {
            return;
        }

        var wasOutOfOrder = ledger.IsOutOfOrder;
        var isReleased = ledger.TryRelease(unit);
        if (!ledger.TryEnd(unit, outcome))
        {
            MailboxLog.Reloading(_surroundings.Log, _mailbox.Value, outcome);
            _surroundings.Metrics.Reloading();
            ledger.GiveUp(ledger.IsAtHome ? AskFailure.Failed : AskFailure.Interrupted);
            _isAfterFailure = true;
            Begin();
            return;
        }

        ledger.WarnIfDue(Context.Time.GetUtcNow());
        if (isReleased || (wasOutOfOrder && !ledger.IsOutOfOrder))
        {
            Context.UnstashAll();
        }
    }

    /// <summary>It writes under the epoch of now: what another home writes after the load fences it off.</summary>
    private void Begin()
    {
        _ledger = null;
        var home = _surroundings.Homes.Find(_shard);
        if (home.Kind != HomeKind.Here)
        {
            GoAway();
            return;
        }

        _epoch = home.Epoch;
        _phase = Phase.Loading;
        _since = Context.Time.GetTimestamp();
        if (!_loading.TryBegin(Context.Self))
        {
            BecomeUnavailable();
        }
    }

    private void OnLoadEnded(MailboxMessage.LoadEnded ended)
    {
        if (!_loading.TryEnd(ended.Ticket))
        {
            return;
        }

        if (_epoch == NoEpoch || _surroundings.Homes.Find(_shard) is not { Kind: HomeKind.Here } home
            || home.Epoch != _epoch)
        {
            // Who waits is told, or has it loaded again.
            GoAway();
            return;
        }

        var inbox = ended.Image?.Folders.FirstOrDefault(folder => folder.Folder == FolderId.Inbox);
        var failure = ended.Failure ?? (ended.Image is not null && inbox is null ? new NoInboxException() : null);
        _surroundings.Metrics.LoadEnded(Elapsed, failure is not null, ended.Image is null);
        if (failure is not null)
        {
            MailboxLog.LoadFailed(_surroundings.Log, _mailbox.Value, failure);
            BecomeUnavailable();
            return;
        }

        if (ended.Image is { } image)
        {
            var state = new MailboxState(
                _mailbox, image.LastNumber, image.ModSeq, inbox!.UidNext, image.Inbox, image.ForeignUniqueIds,
                image.TakenNumbers.AsSpan());
            var watch = new QuotaWatch(_mailbox, _surroundings.Notices, ended.Quota, image.IsWarned);
            _ledger = new MailboxLedger(state, watch, new ShardEpoch(_shard, _epoch), _surroundings, this);
            _phase = Phase.Active;
            if (!_isAfterFailure)
            {
                // Of a crash. What a failing store did not take comes with the next write that it takes.
                _ledger.WarnIfDue(Context.Time.GetUtcNow());
            }

            _isAfterFailure = false;
        }
        else
        {
            MailboxLog.Missing(_surroundings.Log, _mailbox.Value);
            _phase = Phase.Missing;
        }

        Context.UnstashAll();
    }

    /// <summary>Nothing in memory is worth anything any more.</summary>
    private void OnLeft()
    {
        _ledger?.GiveUp(AskFailure.Interrupted);
        _ledger = null;
        GoAway();
        Context.Passivate();
    }

    private void GoAway()
    {
        _epoch = NoEpoch;
        _phase = Phase.Away;
        Context.UnstashAll();
    }

    private void BecomeUnavailable()
    {
        _phase = Phase.Unavailable;
        _since = Context.Time.GetTimestamp();
        Context.UnstashAll();
    }

    /// <summary>
    /// The mailbox is not here yet. A delivery that others hold cannot wait for it: they would wait too.
    /// </summary>
    private void PutAside(MailboxMessage.Request request)
    {
        if (request is Deliver { IsShared: true } deliver)
        {
            deliver.TryGiveUp();
        }
        else
        {
            Context.Stash(request);
        }
    }

    private sealed class NoInboxException() : Exception("The store has the mailbox, but no INBOX in it.");
}
