using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Storage.Sqlite;

/// <summary>The writes of the spool's rows, inside a transaction that the caller holds.</summary>
internal sealed class SpoolWriter(Database database)
{
    private readonly Statement _insert = database.Get(
        "INSERT INTO spool (id, tenant, shard, local, body, octets, wire_octets, sender, recipient, mailbox, body_type, "
        + "smtputf8, authenticated_user, queued, attempts, next_attempt, last_error, traits) "
        + "VALUES (?1, (SELECT tenant FROM mailbox WHERE id = ?2), ?3, 1, ?4, ?5, ?6, ?7, ?8, ?2, ?9, ?10, ?11, ?12, "
        + "?13, ?14, ?15, ?16)");

    private readonly Statement _take = database.Get("DELETE FROM spool WHERE id = ? RETURNING body");

    private readonly Statement _defer = database.Get(
        "UPDATE spool SET attempts = ?, next_attempt = ?, last_error = ? WHERE id = ?");

    public void Insert(SpoolRow row)
    {
        _insert.Bind(1, row.Id.Value);
        _insert.Bind(2, row.Mailbox.Value);
        _insert.Bind(3, row.Mailbox.Shard);
        _insert.Bind(4, row.Body.Value);
        _insert.Bind(5, row.Octets);
        _insert.Bind(6, row.WireOctets);
        _insert.Bind(7, row.Envelope.Sender);
        _insert.Bind(8, row.Envelope.Recipient);
        _insert.Bind(9, SpoolText.BodyType(row.Envelope.Body));
        _insert.Bind(10, row.Envelope.SmtpUtf8 ? 1 : 0);
        _insert.Bind(11, row.Envelope.AuthenticatedUser);
        _insert.Bind(12, row.Queued.ToUnixTimeMilliseconds());
        _insert.Bind(13, row.Attempts);
        _insert.Bind(14, SpoolText.Due(row.NextAttempt));
        _insert.Bind(15, row.LastError);
        _insert.Bind(16, (int)row.Traits);
        _insert.Run();
    }

    /// <summary>The body of the row that went; null: there was none.</summary>
    public long? Take(SpoolId id)
    {
        _take.Bind(1, id.Value);
        long? body = _take.Step() ? _take.Long(0) : null;
        _take.Reset();
        return body;
    }

    public void Defer(StoreOperation.DeferSpooled deferred)
    {
        _defer.Bind(1, deferred.Attempts);
        _defer.Bind(2, SpoolText.Due(deferred.NextAttempt));
        _defer.Bind(3, deferred.LastError);
        _defer.Bind(4, deferred.Id.Value);
        _defer.Run();
    }
}
