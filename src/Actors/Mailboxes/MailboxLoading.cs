using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// How an instance comes to its state: not before all writes that its mailbox has in the lane have ended, those of
/// earlier instances too, because a load that misses one would give its numbers again (I4). When there are any, an
/// empty unit takes its place behind them, and the load begins when that has ended. Nothing here waits: both ends come
/// as messages.
/// </summary>
internal sealed class MailboxLoading(
    MailboxId mailbox, MailboxSurroundings surroundings, ICommitParticipant participant)
{
    private CommitUnit? _fence;
    private object? _ticket;

    public bool IsRunning => _fence is not null || _ticket is not null;

    /// <summary>False: there is no place in the lane; later perhaps.</summary>
    public bool TryBegin(ActorRef<MailboxMessage> self)
    {
        if (!surroundings.Outstanding.Any(mailbox))
        {
            Load(self);
            return true;
        }

        // A delivery that is still on its way through other mailboxes would come into the lane behind the fence.
        surroundings.Outstanding.Held(mailbox)?.TryGiveUp();
        surroundings.Metrics.Fenced();
        surroundings.Outstanding.Begin(mailbox);
        _fence = new CommitUnit(1);
        if (_fence.Contribute(surroundings.Committer, participant))
        {
            return true;
        }

        surroundings.Outstanding.End(mailbox);
        _fence = null;
        return false;
    }

    /// <summary>True: this was the fence. However it ended, all before it in the lane has.</summary>
    public bool TryPass(CommitUnit unit, ActorRef<MailboxMessage> self)
    {
        if (!ReferenceEquals(unit, _fence))
        {
            return false;
        }

        _fence = null;
        Load(self);
        return true;
    }

    /// <summary>False: of an earlier instance.</summary>
    public bool TryEnd(object ticket)
    {
        if (!ReferenceEquals(ticket, _ticket))
        {
            return false;
        }

        _ticket = null;
        return true;
    }

    private void Load(ActorRef<MailboxMessage> self)
    {
        _ticket = new object();
        _ = LoadAsync(self, _ticket);
    }

    private async Task LoadAsync(ActorRef<MailboxMessage> self, object ticket)
    {
        MailboxMessage.LoadEnded ended;
        try
        {
            var quota = surroundings.Notices is { Quotas: var quotas }
                ? await quotas.FindAsync(mailbox, CancellationToken.None) : null;
            ended = new(ticket, await surroundings.Store.LoadAsync(mailbox, CancellationToken.None), quota, null);
        }
        catch (Exception failure)
        {
            // Whatever it is, the actor has to hear of it: it waits.
            ended = new(ticket, null, null, failure);
        }

        self.Notify(ended);
    }
}
