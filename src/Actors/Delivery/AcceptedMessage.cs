using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Delivery;

/// <summary>A message that has been received whole, with its trace headers, and waits for its commit.</summary>
/// <param name="Head">All of it up to <see cref="BodyLayout.HeadOctetsMax"/>. Not to be touched before the
/// verdict.</param>
/// <param name="Octets">Of head and chunks.</param>
/// <param name="Chunks">Staged before, with <see cref="BodyStaging"/>.</param>
/// <param name="WireOctets">As RETR would send it before dot-stuffing, every line ended by CRLF.</param>
/// <param name="Envelope">At least one recipient.</param>
public sealed record AcceptedMessage(
    BodyId Body,
    ReadOnlyMemory<byte> Head,
    long Octets,
    int Chunks,
    uint WireOctets,
    SmtpTransaction Envelope,
    MessageTraits Traits = MessageTraits.None)
{
    /// <summary>What the unit that accepts the message stores of it, once for all mailboxes.</summary>
    public StoreOperation.InsertBody Content() => new(Body, Head, Octets, Chunks);

    /// <summary>
    /// Of all recipients, each once, ascending: the order in which a delivery goes through its mailboxes.
    /// </summary>
    public ImmutableArray<MailboxId> Mailboxes() => Envelope.Recipients switch
    {
        [{ Mailboxes: [_] and var only }] => only,
        var recipients =>
        [
            .. recipients.SelectMany(recipient => recipient.Mailboxes).Distinct()
                .OrderBy(static mailbox => mailbox.Value),
        ],
    };
}
