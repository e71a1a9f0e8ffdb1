using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>Can a mailbox take part in a commit at once?</summary>
internal enum MailboxReadiness
{
    Ready,

    /// <summary>There is no such mailbox (any more).</summary>
    Gone,
}

/// <summary>What a mailbox actor receives. Every ask carries its reply's address, every delivery its share of a unit.</summary>
internal abstract class MailboxMessage
{
    private MailboxMessage()
    {
    }

    /// <summary>From outside, and always answered: in its turn, as undelivered, or for a mailbox that does not exist.</summary>
    internal abstract class Request : MailboxMessage, IUndeliverable
    {
        public abstract void Undelivered(AskFailure why);

        /// <summary>There is no such mailbox.</summary>
        public abstract void Missing();
    }

    /// <summary>Answered once the mailbox is loaded: the next delivery will be contributed in its turn.</summary>
    internal sealed class Prepare(ReplyTo<MailboxReadiness> reply) : Request
    {
        public ReplyTo<MailboxReadiness> Reply { get; } = reply;

        public override void Undelivered(AskFailure why) => Reply.Fail(why);

        public override void Missing() => Reply.Reply(MailboxReadiness.Gone);
    }

    /// <summary>
    /// One mailbox's share of a unit. It is spoken for exactly once, by whoever claims it: the actor in its turn, or the
    /// acceptor that has waited long enough. So a unit never hangs at the head of the lane for a mailbox that is silent.
    /// </summary>
    /// <param name="isShared">
    /// Others contribute too, so the unit may have its place in the lane already: a mailbox that is not ready declines at
    /// once instead of holding up every commit behind it.
    /// </param>
    internal sealed class Deliver(
        CommitUnit unit, ICommitter committer, MailboxCommand.Deliver command, bool isShared)
        : Request
    {
        private const int Open = 0;
        private const int Claimed = 1;
        private const int Spoken = 2;

        private int _share = Open;

        public CommitUnit Unit { get; } = unit;

        public MailboxCommand.Deliver Command { get; } = command;

        public bool IsShared { get; } = isShared;

        /// <summary>By the actor; false when somebody else has spoken already.</summary>
        public bool TryClaim() => Interlocked.CompareExchange(ref _share, Claimed, Open) == Open;

        /// <summary>False: the lane was full or the unit has failed; nothing of it will be written.</summary>
        public bool Contribute(ICommitParticipant participant, StoreOperation operation)
        {
            Volatile.Write(ref _share, Spoken);
            return Unit.Contribute(committer, participant, operation);
        }

        /// <summary>By the acceptor, from any thread: withdraws what no actor has claimed.</summary>
        public bool TryWithdrawUnclaimed()
        {
            if (Interlocked.CompareExchange(ref _share, Spoken, Open) != Open)
            {
                return false;
            }

            Unit.Withdraw(committer);
            return true;
        }

        /// <summary>By whoever has the message: also when the turn that claimed it has failed.</summary>
        public void Withdraw()
        {
            if (Interlocked.Exchange(ref _share, Spoken) != Spoken)
            {
                Unit.Withdraw(committer);
            }
        }

        public override void Undelivered(AskFailure why) => Withdraw();

        public override void Missing() => Withdraw();
    }

    /// <summary>Null: no such mailbox.</summary>
    internal sealed class TakeSnapshot(ReplyTo<MaildropSnapshot?> reply) : Request
    {
        public ReplyTo<MaildropSnapshot?> Reply { get; } = reply;

        public override void Undelivered(AskFailure why) => Reply.Fail(why);

        public override void Missing() => Reply.Reply(null);
    }

    /// <summary>True after the commit; false when nothing was removed.</summary>
    internal sealed class Remove(MailboxCommand.Remove command, ReplyTo<bool> reply) : Request
    {
        public MailboxCommand.Remove Command { get; } = command;

        public ReplyTo<bool> Reply { get; } = reply;

        public override void Undelivered(AskFailure why) => Reply.Fail(why);

        public override void Missing() => Reply.Reply(false);
    }

    /// <summary>Null: no such mailbox.</summary>
    internal sealed class Show(ReplyTo<MaildropTotals?> reply) : Request
    {
        public ReplyTo<MaildropTotals?> Reply { get; } = reply;

        public override void Undelivered(AskFailure why) => Reply.Fail(why);

        public override void Missing() => Reply.Reply(null);
    }

    /// <summary>From the committer, for every contribution of this mailbox, of earlier instances too.</summary>
    internal sealed class CommitEnded(CommitUnit unit, CommitOutcome outcome) : MailboxMessage
    {
        public CommitUnit Unit { get; } = unit;

        public CommitOutcome Outcome { get; } = outcome;
    }

    /// <param name="ticket">Which load this is the end of: that of an earlier instance is not wanted any more.</param>
    /// <param name="image">Null: no such mailbox, unless it failed.</param>
    /// <param name="failure">Null: it did not fail.</param>
    internal sealed class LoadEnded(object ticket, MailboxImage? image, Exception? failure) : MailboxMessage
    {
        public object Ticket { get; } = ticket;

        public MailboxImage? Image { get; } = image;

        public Exception? Failure { get; } = failure;
    }
}

/// <summary>What a mailbox holds now.</summary>
/// <param name="Messages">In INBOX.</param>
/// <param name="Octets">Of those messages, as stored.</param>
public sealed record MaildropTotals(int Messages, long Octets);
