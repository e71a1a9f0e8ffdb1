using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>Where a message lies in an mbox, and what has to be known of it before it is sent.</summary>
/// <param name="Date">Of its "From " line.</param>
/// <param name="Start">Offset of its first octet, behind the "From " line.</param>
/// <param name="End">Before the empty line that an mbox puts behind each message.</param>
/// <param name="Digest">SHA-256 of its "From " line and its octets.</param>
/// <param name="UniqueId">Of X-UIDL; null: it has none.</param>
internal sealed record MboxMessage(
    DateTimeOffset Date, long Start, long End, byte[] Digest, string? UniqueId, MessageAttributes Flags);
