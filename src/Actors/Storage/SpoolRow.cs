using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Storage;

/// <summary>What was said in MAIL and RCPT about one copy of a message.</summary>
/// <param name="Sender">The reverse-path; empty for the null one (RFC 5321 §4.5.5).</param>
/// <param name="Recipient">As RCPT named it, which may be an alias of the mailbox.</param>
/// <param name="AuthenticatedUser">Null: the client was nobody in particular.</param>
public sealed record SpoolEnvelope(
    string Sender, string Recipient, SmtpBodyKind Body, bool SmtpUtf8, string? AuthenticatedUser);

/// <summary>One copy of an acknowledged message that is not in its mailbox yet.</summary>
/// <param name="Octets">As stored.</param>
/// <param name="WireOctets">With every line ended by CRLF.</param>
/// <param name="Queued">When the message was accepted.</param>
/// <param name="Attempts">Those that failed.</param>
/// <param name="NextAttempt">Null: given up, until an administrator asks for another one.</param>
/// <param name="LastError">Why the last attempt failed; null before one has.</param>
/// <param name="Traits">Of its octets.</param>
public sealed record SpoolRow(
    SpoolId Id,
    MailboxId Mailbox,
    BodyId Body,
    uint Octets,
    uint WireOctets,
    SpoolEnvelope Envelope,
    DateTimeOffset Queued,
    int Attempts,
    DateTimeOffset? NextAttempt,
    string? LastError,
    MessageTraits Traits = MessageTraits.None)
{
    public bool IsParked => NextAttempt is null;
}
