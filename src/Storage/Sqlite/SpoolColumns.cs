using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

/// <summary>How values of a spooled message stand in its row.</summary>
internal static class SpoolColumns
{
    /// <summary>What <see cref="Read"/> expects.</summary>
    public const string Names =
        "id, mailbox, body, octets, wire_octets, sender, recipient, body_type, smtputf8, authenticated_user, queued, "
        + "attempts, next_attempt, last_error, traits";

    public static SpoolRow Read(Statement row) => new(
        new SpoolId(row.Long(0)),
        new MailboxId(row.Long(1)),
        new BodyId(row.Long(2)),
        (uint)row.Long(3),
        (uint)row.Long(4),
        new SpoolEnvelope(
            row.Text(5), row.Text(6), SpoolText.BodyKind(row.Text(7)), row.Long(8) != 0,
            row.IsNull(9) ? null : row.Text(9)),
        DateTimeOffset.FromUnixTimeMilliseconds(row.Long(10)),
        (int)row.Long(11),
        row.Long(12) == SpoolText.Never ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.Long(12)),
        row.IsNull(13) ? null : row.Text(13),
        (MessageTraits)row.Long(14));
}
