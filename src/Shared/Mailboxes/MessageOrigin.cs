namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// The system flags of RFC 9051 §2.3.2 that another server may have kept. Stored as a number: values are never given
/// another meaning. POP3 shows none.
/// </summary>
[Flags]
public enum MessageAttributes
{
    None = 0,
    Seen = 1,
    Answered = 2,
    Flagged = 4,
    Deleted = 8,
    Draft = 16,
}

/// <summary>What a message brings along that lay in another server's mailbox before.</summary>
/// <param name="InternalDate">When it came there.</param>
/// <param name="UniqueId">Null: its number is its unique-id. <see cref="ForeignUniqueId.IsValid"/>.</param>
public sealed record MessageOrigin(DateTimeOffset InternalDate, MessageAttributes Flags, string? UniqueId);
