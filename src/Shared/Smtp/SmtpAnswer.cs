using System.Collections.Immutable;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Smtp;

/// <summary>Where an address leads.</summary>
public abstract record RecipientVerdict
{
    private RecipientVerdict()
    {
    }

    /// <summary>At least one local mailbox.</summary>
    public sealed record Local(ImmutableArray<MailboxId> Mailboxes) : RecipientVerdict;

    /// <summary>A domain of ours, no such user: 550 5.1.1.</summary>
    public sealed record Unknown : RecipientVerdict;

    /// <summary>Not a domain of ours: 550 5.7.1, this server relays nothing.</summary>
    public sealed record NotLocal : RecipientVerdict;

    /// <summary>The user is suspended: 550 5.2.1.</summary>
    public sealed record Disabled : RecipientVerdict;

    /// <summary>There is no room for the message: 452 4.2.2, or 552 5.2.2 when it is not worth a second try.</summary>
    public sealed record OverQuota(bool IsPermanent) : RecipientVerdict;

    /// <summary>The store cannot be asked: 451 4.3.0.</summary>
    public sealed record Unavailable : RecipientVerdict;
}

/// <summary>Why a body could not be kept.</summary>
public enum BodyFault
{
    None,

    /// <summary>The store is away: 451 4.3.0.</summary>
    Unavailable,

    /// <summary>There is no room for it: 452 4.3.1.</summary>
    OutOfResources,
}

/// <summary>
/// What the shell found out about a body while it streamed in (DATA to the final dot, BDAT up to and with this chunk).
/// </summary>
/// <param name="Octets">
/// Of the message as the client sent it, after removal of dot-stuffing, without our trace headers.
/// </param>
/// <param name="HeaderOctets">
/// Of the header section up to and with the empty line; all octets when there was none.
/// </param>
/// <param name="ReceivedFields">Number of Received: fields (RFC 5321 §6.3).</param>
/// <param name="LocalReceivedFields">Those that one of our own nodes wrote.</param>
public readonly record struct BodySummary(
    long Octets, long HeaderOctets, int ReceivedFields, int LocalReceivedFields, BodyFault Fault);

/// <summary>May a message be taken (OXSMTP-EV-08)?</summary>
public enum MessageRate
{
    /// <summary>It counts: 250.</summary>
    Within,

    /// <summary>421 4.4.2, and the session ends.</summary>
    Exceeded,

    /// <summary>The count cannot be asked: 451 4.3.0.</summary>
    Unknown,
}

/// <summary>How the commit of a message ended.</summary>
public enum AcceptVerdict
{
    /// <summary>Durable: 250 2.0.0.</summary>
    Committed,

    /// <summary>451 4.3.0.</summary>
    Unavailable,

    /// <summary>452 4.3.1.</summary>
    OutOfResources,
}

/// <summary>Answers of the shell, inputs of the session.</summary>
public abstract record SmtpAnswer
{
    private SmtpAnswer()
    {
    }

    public sealed record Recipient(RecipientVerdict Verdict) : SmtpAnswer;

    public sealed record MessageTaken(MessageRate Rate) : SmtpAnswer
    {
        public static readonly MessageTaken Within = new(MessageRate.Within);
    }

    public sealed record Sasl(SaslAnswer Value) : SmtpAnswer;

    public sealed record BodyReceived(BodySummary Summary) : SmtpAnswer;

    public sealed record ChunkDropped : SmtpAnswer
    {
        public static readonly ChunkDropped Instance = new();
    }

    /// <param name="QueueId">Of a committed message, shown in the reply; empty otherwise.</param>
    public sealed record Accepted(AcceptVerdict Verdict, string QueueId) : SmtpAnswer;

    /// <param name="Protocol">Such as "TLSv1.3"; goes into Received:.</param>
    /// <param name="CipherSuite">Such as "TLS_AES_256_GCM_SHA384".</param>
    /// <param name="Binding">For the -PLUS mechanisms; null: they are not offered.</param>
    public sealed record TlsStarted(string Protocol, string CipherSuite, ChannelBinding? Binding = null) : SmtpAnswer;
}
