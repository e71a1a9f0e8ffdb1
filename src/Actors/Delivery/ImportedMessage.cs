using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Delivery;

/// <summary>A message of another server's mailbox, received whole.</summary>
/// <param name="Mailbox">Where it goes.</param>
/// <param name="Key">Names the message at its source: the same one is imported once.</param>
/// <param name="Head">As of <see cref="AcceptedMessage"/>; its memory is read until the verdict.</param>
/// <param name="Chunks">Staged before.</param>
public sealed record ImportedMessage(
    MailboxId Mailbox,
    string Key,
    MessageOrigin Origin,
    BodyId Body,
    ReadOnlyMemory<byte> Head,
    uint Octets,
    int Chunks,
    uint WireOctets);
