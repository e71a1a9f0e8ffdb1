using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Delivery;

/// <summary>A message that has been received whole, with its trace headers, and waits for its commit.</summary>
/// <param name="Head">All of it up to <see cref="Storage.BodyLayout.HeadOctetsMax"/>. Not to be touched before the
/// verdict.</param>
/// <param name="Octets">Of head and chunks.</param>
/// <param name="Chunks">Staged before, with <see cref="BodyStaging"/>.</param>
/// <param name="WireOctets">As RETR would send it before dot-stuffing, every line ended by CRLF.</param>
/// <param name="Mailboxes">Of all recipients; the same one may be named several times and gets one copy.</param>
public sealed record AcceptedMessage(
    BodyId Body,
    ReadOnlyMemory<byte> Head,
    long Octets,
    int Chunks,
    uint WireOctets,
    ImmutableArray<MailboxId> Mailboxes,
    MessageTraits Traits = MessageTraits.None);
