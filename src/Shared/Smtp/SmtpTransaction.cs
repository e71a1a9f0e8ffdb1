using System.Collections.Immutable;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Smtp;

/// <summary>BODY= of MAIL (RFC 6152 §2, RFC 3030 §3).</summary>
public enum SmtpBodyKind
{
    SevenBit,
    EightBitMime,
    BinaryMime,
}

/// <summary>One accepted recipient and where it leads.</summary>
public sealed record SmtpRecipient(SmtpPath Path, ImmutableArray<MailboxId> Mailboxes);

/// <summary>
/// The envelope as it stands when the body begins: what the shell needs for trace headers, the size limit while
/// receiving,
/// and the commit.
/// </summary>
/// <param name="Helo">As the client gave it in EHLO or HELO.</param>
/// <param name="Protocol">
/// The "with" of Received: (RFC 3848): SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, UTF8SMTP… (RFC 6531 §4.3).
/// </param>
/// <param name="OctetsMax">
/// Octets of body to keep; beyond it the shell reads on and drops (552 5.3.4 comes at the end).
/// </param>
public sealed record SmtpTransaction(
    string Helo,
    string Protocol,
    SmtpPath From,
    SmtpBodyKind Body,
    bool SmtpUtf8,
    SaslIdentity? User,
    ImmutableArray<SmtpRecipient> Recipients,
    long OctetsMax);
