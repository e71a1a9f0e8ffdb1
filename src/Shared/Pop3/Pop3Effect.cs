using System.Collections.Immutable;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// Everything a step may ask of the shell, in the order in which it is to happen. Effects that carry a question
/// (Authenticate, OpenMaildrop, SendMessage, Update, StartTls) are the last of their step: the session takes no command
/// until the answer has come in through Pop3Session.Answer.
/// </summary>
public abstract record Pop3Effect
{
    private Pop3Effect()
    {
    }

    /// <summary>To be copied out before the session's next input (see <see cref="Pop3Reply.Wire"/>).</summary>
    public sealed record Reply(Pop3Reply Value) : Pop3Effect;

    /// <summary>
    /// A question of a SASL mechanism, or of PASS (CheckPassword). Answer: <see cref="Pop3Answer.Sasl"/>.
    /// </summary>
    public sealed record Authenticate(SaslStep.Question Question) : Pop3Effect;

    /// <summary>
    /// The snapshot of this account's INBOX. Answer: <see cref="Pop3Answer.MaildropOpened"/> or
    /// <see cref="Pop3Answer.Unavailable"/>.
    /// </summary>
    public sealed record OpenMaildrop(AccountId Account) : Pop3Effect;

    /// <summary>
    /// A scan listing or unique-id listing of all messages that are not marked. The shell writes it straight from the
    /// snapshot with Pop3Session.NewListing, in pieces, so that 100,000 lines need no memory of their own.
    /// </summary>
    public sealed record SendListing(Pop3ListingKind Kind) : Pop3Effect;

    /// <summary>
    /// "+OK" (Pop3Session.MessageFollows), the message dot-stuffed with every line ended by CRLF, the final dot; with
    /// <paramref name="BodyLines"/> only so many lines after the header (TOP). A message that is gone: -ERR from
    /// <see cref="Pop3Answer.MessageSent"/>. Answer: <see cref="Pop3Answer.MessageSent"/>.
    /// </summary>
    public sealed record SendMessage(MessageEntry Entry, int? BodyLines) : Pop3Effect;

    /// <summary>QUIT in TRANSACTION: remove these in one commit. Answer: <see cref="Pop3Answer.Updated"/>.</summary>
    public sealed record Update(MailboxId Mailbox, ImmutableArray<MessageNumber> Numbers) : Pop3Effect;

    /// <summary>
    /// After the flush of +OK: drop pipelined input, then TLS (RFC 2595 §4). Answer:
    /// <see cref="Pop3Answer.TlsStarted"/>.
    /// </summary>
    public sealed record StartTls : Pop3Effect
    {
        public static readonly StartTls Instance = new();
    }

    /// <summary>Flush, close. The last effect of a session.</summary>
    public sealed record End(ConnectionEndReason Reason) : Pop3Effect;
}

public enum Pop3ListingKind
{
    /// <summary>LIST: number and octets.</summary>
    Scan,

    /// <summary>UIDL: number and unique-id.</summary>
    UniqueId,
}

/// <summary>How a SendMessage ended.</summary>
public enum SendVerdict
{
    Sent,

    /// <summary>Deleted by someone else: -ERR (STANXPOP3-C0004).</summary>
    Gone,

    /// <summary>-ERR [SYS/TEMP]; nothing of the message was written.</summary>
    Unavailable,
}

/// <summary>Answers of the shell, inputs of the session.</summary>
public abstract record Pop3Answer
{
    private Pop3Answer()
    {
    }

    public sealed record Sasl(SaslAnswer Value) : Pop3Answer;

    public sealed record MaildropOpened(MaildropSnapshot Snapshot) : Pop3Answer;

    /// <summary>The mailbox or the store cannot be asked: -ERR [SYS/TEMP].</summary>
    public sealed record Unavailable : Pop3Answer
    {
        public static readonly Unavailable Instance = new();
    }

    public sealed record MessageSent(SendVerdict Verdict) : Pop3Answer
    {
        public static readonly MessageSent Sent = new(SendVerdict.Sent);
    }

    /// <summary>
    /// The user has MaxConnectionsPerUser sessions already: OpenMaildrop ends in -ERR [IN-USE] (RFC 2449 §8.1.1).
    /// </summary>
    public sealed record InUse : Pop3Answer
    {
        public static readonly InUse Instance = new();
    }

    /// <param name="Removed">False: nothing was removed, QUIT answers -ERR.</param>
    public sealed record Updated(bool Removed) : Pop3Answer;

    /// <param name="Binding">For the -PLUS mechanisms; null: they are not offered.</param>
    public sealed record TlsStarted(ChannelBinding? Binding = null) : Pop3Answer
    {
        public static readonly TlsStarted Instance = new();
    }
}
