using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Smtp;

/// <summary>
/// Everything a step may ask of the shell, in the order in which it is to happen. Effects that carry a question
/// (ResolveRecipient, TakeMessage, Authenticate, ReceiveData, ReceiveChunk, AcceptMessage, StartTls) are the last of
/// their step: the session takes no command until the answer has come in through SmtpSession.Answer.
/// </summary>
public abstract record SmtpEffect
{
    private SmtpEffect()
    {
    }

    public sealed record Reply(SmtpReply Value) : SmtpEffect;

    /// <summary>
    /// After the flush of what was said before: wait so long, then go on with the effects that follow (OXSMTP-EV-19).
    /// No input is read meanwhile and no clock of the connection stands still.
    /// </summary>
    public sealed record Hold(TimeSpan Interval) : SmtpEffect;

    /// <summary>
    /// Counts one message of this sender, if the rate allows it (OXSMTP-EV-08). Answer: <see
    /// cref="SmtpAnswer.MessageTaken"/>.
    /// </summary>
    /// <param name="User">Null: nobody has authenticated, the address counts.</param>
    public sealed record TakeMessage(SaslIdentity? User) : SmtpEffect
    {
        public static readonly TakeMessage Anonymous = new(User: null);
    }

    /// <summary>
    /// Which mailboxes is this address, and have they room? Answer: <see cref="SmtpAnswer.Recipient"/>.
    /// </summary>
    /// <param name="DeclaredOctets">SIZE= of MAIL (RFC 1870 §4); 0 when it was not given.</param>
    public sealed record ResolveRecipient(SmtpPath Path, long DeclaredOctets) : SmtpEffect;

    /// <summary>A question of a SASL mechanism. Answer: <see cref="SmtpAnswer.Sasl"/>.</summary>
    public sealed record Authenticate(SaslStep.Question Question) : SmtpEffect;

    /// <summary>
    /// After the flush of what was said: read octets up to CRLF.CRLF. Answer: <see cref="SmtpAnswer.BodyReceived"/>.
    /// </summary>
    public sealed record ReceiveData(SmtpTransaction Transaction) : SmtpEffect;

    /// <summary>
    /// Read exactly so many octets of BDAT. With <paramref name="Keep"/> they belong to the message, otherwise they are
    /// dropped
    /// (the error is told after the chunk, RFC 3030 §2). Answer: <see cref="SmtpAnswer.BodyReceived"/> (kept) or
    /// <see cref="SmtpAnswer.ChunkDropped"/>.
    /// </summary>
    public sealed record ReceiveChunk(SmtpTransaction Transaction, long Octets, bool Last, bool Keep) : SmtpEffect;

    /// <summary>
    /// Commit the received body for the transaction's recipients. Answer: <see cref="SmtpAnswer.Accepted"/>.
    /// </summary>
    public sealed record AcceptMessage(SmtpTransaction Transaction) : SmtpEffect;

    /// <summary>What was received of a body is not wanted any more (RSET, EHLO, refusal, end).</summary>
    public sealed record DiscardBody : SmtpEffect
    {
        public static readonly DiscardBody Instance = new();
    }

    /// <summary>
    /// After the flush of 220: drop whatever input was pipelined before the handshake, then TLS (RFC 3207 §4).
    /// Answer: <see cref="SmtpAnswer.TlsStarted"/>; a failed handshake ends the connection.
    /// </summary>
    public sealed record StartTls : SmtpEffect
    {
        public static readonly StartTls Instance = new();
    }

    /// <summary>Flush, close. The last effect of a session.</summary>
    public sealed record End(ConnectionEndReason Reason) : SmtpEffect;
}
