using System.Collections.Immutable;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// The message list of an INBOX at one generation, ascending by number: an immutable value that a POP3 session keeps to
/// its end, whatever happens to the mailbox meanwhile (STANXPOP3-C0004). Sessions of one generation share one instance.
/// </summary>
/// <param name="ForeignUniqueIds">Null: each message's number is its unique-id.</param>
public sealed record MaildropSnapshot(
    MailboxId Mailbox,
    long Generation,
    ImmutableArray<MessageEntry> Messages,
    ForeignUniqueIds? ForeignUniqueIds = null);
