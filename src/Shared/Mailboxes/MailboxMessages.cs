using System.Collections.Immutable;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// What a mailbox can be asked to change. Reading needs no decision: it is <see cref="MailboxState.Snapshot"/>.
/// </summary>
public abstract record MailboxCommand
{
    private MailboxCommand()
    {
    }

    /// <summary>Put a message into INBOX.</summary>
    /// <param name="Octets">As stored.</param>
    /// <param name="WireOctets">With every line ended by CRLF.</param>
    /// <param name="Origin">Of an imported message.</param>
    public sealed record Deliver(
        BodyId Body,
        uint Octets,
        uint WireOctets,
        MessageTraits Traits = MessageTraits.None,
        MessageOrigin? Origin = null) : MailboxCommand;

    /// <summary>
    /// Remove these messages of INBOX and no other (I5). Those that are gone already count as removed: two sessions may
    /// have marked the same message (RFC 1939 §6 asks for the removal, not for who did it).
    /// </summary>
    public sealed record Remove(ImmutableArray<MessageNumber> Numbers) : MailboxCommand;
}

/// <summary>Why a command changes nothing.</summary>
public enum MailboxRefusal
{
    None,

    /// <summary>
    /// The folder has given its last UID (RFC 9051 §2.3.1.1): a new UIDVALIDITY is needed. Temporary to a sender.
    /// </summary>
    UidsExhausted,

    /// <summary>
    /// The foreign unique-id is a decimal number that a message of ours may have had, or has (STANXPOP3-C0008).
    /// </summary>
    UniqueIdTaken,
}

/// <summary>
/// The outcome of a command: an event to commit, a refusal, or neither when there is nothing left to change (a removal
/// of messages that are all gone).
/// </summary>
public readonly record struct MailboxDecision(MailboxEvent? Event, MailboxRefusal Refusal)
{
    public static readonly MailboxDecision NothingToDo = new(null, MailboxRefusal.None);

    public bool IsRefused => Refusal != MailboxRefusal.None;
}
