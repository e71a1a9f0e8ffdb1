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

/// <summary>
/// What a mailbox actor receives; deliveries are <see cref="Deliver"/>. Every ask carries its reply's address.
/// </summary>
internal abstract class MailboxMessage
{
    private MailboxMessage()
    {
    }

    /// <summary>
    /// From outside, and always answered: in its turn, as undelivered, or for a mailbox that does not exist.
    /// </summary>
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

    /// <summary>A shared delivery that this mailbox holds stands in the lane: other writes may follow it.</summary>
    internal sealed class Released(Deliver delivery) : MailboxMessage
    {
        public Deliver Delivery { get; } = delivery;
    }

    /// <summary>This node is not the home any more that it was under this epoch.</summary>
    internal sealed class Left(long epoch) : MailboxMessage
    {
        public long Epoch { get; } = epoch;
    }

    /// <summary>From the committer, for every contribution of this mailbox, of earlier instances too.</summary>
    internal sealed class CommitEnded(CommitUnit unit, CommitOutcome outcome) : MailboxMessage
    {
        public CommitUnit Unit { get; } = unit;

        public CommitOutcome Outcome { get; } = outcome;
    }

    /// <param name="ticket">Which load this is the end of: that of an earlier instance is not wanted any more.</param>
    /// <param name="image">Null: no such mailbox, unless it failed.</param>
    /// <param name="quota">Null: its limits are not watched.</param>
    /// <param name="failure">Null: it did not fail.</param>
    internal sealed class LoadEnded(object ticket, MailboxImage? image, MailboxQuota? quota, Exception? failure)
        : MailboxMessage
    {
        public object Ticket { get; } = ticket;

        public MailboxImage? Image { get; } = image;

        public MailboxQuota? Quota { get; } = quota;

        public Exception? Failure { get; } = failure;
    }
}

/// <summary>What a mailbox holds now.</summary>
/// <param name="Messages">In INBOX.</param>
/// <param name="Octets">Of those messages, as stored.</param>
public sealed record MaildropTotals(int Messages, long Octets);
