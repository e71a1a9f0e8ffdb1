using System.Globalization;
using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// The statements of a batch, in the order in which they run. What has to hold is counted where it is written: a count
/// that is not what the writer meant ends the transaction inside the server, so a batch is one round trip.
/// </summary>
internal static class CommitSql
{
    /// <summary>The first of the two numbers of the lock that stands for a node; the other is its id.</summary>
    public const string NodeLocks = "1296651591";

    // A claimer that holds the lock alone has waited for the last commit of the node; the check is a statement of its
    // own, so that its snapshot is younger than the lock.
    public const string Lock = $"SELECT pg_advisory_xact_lock_shared({NodeLocks}, $1)";

    public const string Check =
        "SELECT CASE WHEN NOT EXISTS (SELECT FROM node WHERE id = $1 AND incarnation = $2 AND state <> 3) "
        + "THEN refuse('MC001', 'another node has taken the place of this one') "
        + "WHEN lost IS NOT NULL THEN refuse('MC002', lost) END "
        + "FROM (SELECT string_agg(g.cell || '/' || g.number, ' ') AS lost "
        + "FROM (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::bigint[]) AS epoch) g "
        + "LEFT JOIN shard s ON s.cell = g.cell AND s.number = g.number "
        + "WHERE s.epoch IS DISTINCT FROM g.epoch OR s.owner IS DISTINCT FROM $1 "
        + "OR s.incarnation IS DISTINCT FROM $2) judged";

    public static readonly string Stage = string.Create(CultureInfo.InvariantCulture,
        $"WITH u AS (SELECT unnest($1::bigint[]) AS body, unnest($2::int[]) AS sequence, unnest($3::int[]) AS octets), "
        + $"first AS (INSERT INTO staged (body, chunks, octets, since) SELECT body, 1, octets, $4 FROM u "
        + $"WHERE sequence = 1 RETURNING 1), "
        + $"more AS (UPDATE staged s SET chunks = s.chunks + 1, octets = s.octets + u.octets, since = $4 FROM u "
        + $"WHERE s.body = u.body AND u.sequence > 1 AND s.chunks = u.sequence - 1 "
        + $"AND s.octets = (u.sequence - 1) * {BodyLayout.ChunkOctets}::bigint RETURNING 1) "
        + $"SELECT CASE WHEN (SELECT count(*) FROM first) + (SELECT count(*) FROM more) <> cardinality($1) "
        + $"THEN refuse('MC003', 'a staged chunk does not follow the one before it') END");

    public const string InsertChunks =
        "INSERT INTO body_chunk (body, sequence, octets) "
        + "SELECT unnest($1::bigint[]), unnest($2::int[]), unnest($3::bytea[])";

    public const string MakeLive =
        "WITH gone AS (DELETE FROM staged s USING (SELECT unnest($1::bigint[]) AS body, unnest($2::int[]) AS chunks, "
        + "unnest($3::bigint[]) AS octets) u WHERE s.body = u.body AND s.chunks = u.chunks AND s.octets = u.octets "
        + "RETURNING 1) SELECT CASE WHEN count(*) <> cardinality($1) "
        + "THEN refuse('MC003', 'a body''s staged chunks are not all there') END FROM gone";

    public const string InsertBodies =
        "INSERT INTO body (id, octets, chunks, head) "
        + "SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::int[]), unnest($4::bytea[])";

    public const string MarkUnreferenced =
        "INSERT INTO unreferenced (body, since) SELECT body, $2 FROM unnest($1::bigint[]) AS u (body) ORDER BY body "
        + "ON CONFLICT (body) DO UPDATE SET since = EXCLUDED.since";

    // Held until the commit: the sweeper passes over what is locked.
    public const string FindBodies =
        "SELECT CASE WHEN count(*) <> cardinality($1) THEN refuse('MC003', 'a message without a body') END "
        + "FROM (SELECT 1 FROM body WHERE id = ANY ($1) FOR KEY SHARE) found";

    public const string TakeForeign =
        "WITH taken AS (INSERT INTO foreign_unique_id (mailbox, unique_id, number) "
        + "SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::bigint[]) ON CONFLICT DO NOTHING RETURNING 1) "
        + "SELECT CASE WHEN count(*) <> cardinality($1) "
        + "THEN refuse('MC003', 'a foreign unique-id that was given before') END FROM taken";

    public const string RecordImports =
        "WITH noted AS (INSERT INTO import_mark (mailbox, source, since) "
        + "SELECT unnest($1::bigint[]), unnest($2::text[]), $3 ON CONFLICT DO NOTHING RETURNING 1) "
        + "SELECT CASE WHEN count(*) <> cardinality($1) "
        + "THEN refuse('MC003', 'a message that was imported before') END FROM noted";

    public const string InsertMessages =
        "INSERT INTO message (mailbox, number, folder, uid, modseq, body, octets, wire_octets, internal_date, traits, "
        + "flags, foreign_unique_id) SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::int[]), "
        + "unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bigint[]), "
        + "unnest($8::bigint[]), unnest($9::bigint[]), unnest($10::int[]), unnest($11::int[]), unnest($12::text[])";

    public const string WriteFolders =
        "WITH written AS (UPDATE folder f SET uid_next = u.uid_next, highest_modseq = u.modseq, "
        + "last_number = u.number, octets = f.octets + u.octets, oldest = least(f.oldest, u.oldest) "
        + "FROM (SELECT unnest($1::bigint[]) AS mailbox, unnest($2::int[]) AS folder, "
        + "unnest($3::bigint[]) AS first_number, unnest($4::bigint[]) AS first_uid, "
        + "unnest($5::bigint[]) AS first_modseq, unnest($6::bigint[]) AS number, unnest($7::bigint[]) AS uid_next, "
        + "unnest($8::bigint[]) AS modseq, unnest($9::bigint[]) AS octets, unnest($10::bigint[]) AS oldest) u "
        + "JOIN mailbox m ON m.id = u.mailbox "
        + "WHERE f.mailbox = u.mailbox AND f.id = u.folder AND u.first_uid >= f.uid_next "
        + "AND u.first_number > f.last_number AND u.first_number > m.last_number "
        + "AND u.first_modseq >= f.highest_modseq AND u.first_modseq >= m.modseq "
        + "AND NOT EXISTS (SELECT FROM folder o WHERE o.mailbox = u.mailbox AND o.id <> u.folder "
        + "AND (o.last_number >= u.first_number OR o.highest_modseq > u.first_modseq)) RETURNING 1) "
        + "SELECT CASE WHEN count(*) <> cardinality($1) THEN refuse('MC003', 'a message for a folder that is not "
        + "there, or a number, UID or MODSEQ that was given before') END FROM written";

    public const string InsertSpool =
        "INSERT INTO spool (id, tenant, shard, local, body, octets, wire_octets, sender, recipient, mailbox, "
        + "body_type, smtputf8, authenticated_user, queued, attempts, next_attempt, last_error, traits) "
        + "SELECT u.id, (SELECT tenant FROM mailbox WHERE id = u.mailbox), u.shard, true, u.body, u.octets, "
        + "u.wire_octets, u.sender, u.recipient, u.mailbox, u.body_type, u.smtputf8, u.authenticated_user, u.queued, "
        + "u.attempts, u.next_attempt, u.last_error, u.traits FROM (SELECT unnest($1::bigint[]) AS id, "
        + "unnest($2::bigint[]) AS mailbox, unnest($3::int[]) AS shard, unnest($4::bigint[]) AS body, "
        + "unnest($5::bigint[]) AS octets, unnest($6::bigint[]) AS wire_octets, unnest($7::text[]) AS sender, "
        + "unnest($8::text[]) AS recipient, unnest($9::text[]) AS body_type, unnest($10::boolean[]) AS smtputf8, "
        + "unnest($11::text[]) AS authenticated_user, unnest($12::bigint[]) AS queued, "
        + "unnest($13::int[]) AS attempts, unnest($14::bigint[]) AS next_attempt, unnest($15::text[]) AS last_error, "
        + "unnest($16::int[]) AS traits) u";

    public const string TakeSpooled =
        "WITH gone AS (DELETE FROM spool s USING (SELECT unnest($1::bigint[]) AS id, unnest($2::bigint[]) AS body) u "
        + "WHERE s.id = u.id AND (u.body = 0 OR u.body = s.body) RETURNING s.body, u.body AS named), "
        + "marked AS (INSERT INTO unreferenced (body, since) "
        + "SELECT body, $3 FROM gone WHERE named = 0 GROUP BY body ORDER BY body "
        + "ON CONFLICT (body) DO UPDATE SET since = EXCLUDED.since) "
        + "SELECT CASE WHEN count(*) <> cardinality($1) "
        + "THEN refuse('MC003', 'a spooled message that is not there') END FROM gone";

    public const string DeferSpooled =
        "UPDATE spool s SET attempts = u.attempts, next_attempt = u.next_attempt, last_error = u.last_error "
        + "FROM (SELECT unnest($1::bigint[]) AS id, unnest($2::int[]) AS attempts, "
        + "unnest($3::bigint[]) AS next_attempt, unnest($4::text[]) AS last_error) u WHERE s.id = u.id";

    // Every body that loses a reference is marked, whether or not others are left: who removes the last one at the same
    // moment as another the one before does not see it. The sweeper looks again.
    public const string DeleteMessages =
        "WITH d AS (SELECT unnest($1::bigint[]) AS mailbox, unnest($2::int[]) AS folder, "
        + "unnest($3::bigint[]) AS number, unnest($4::bigint[]) AS modseq), "
        + "r AS (SELECT unnest($5::bigint[]) AS mailbox, unnest($6::int[]) AS folder, "
        + "unnest($7::bigint[]) AS modseq, unnest($8::bigint[]) AS messages), "
        + "gone AS (DELETE FROM message m USING d WHERE m.mailbox = d.mailbox AND m.number = d.number "
        + "AND m.folder = d.folder RETURNING m.mailbox, m.folder, m.number, m.uid, m.body, m.octets, d.modseq), "
        + "buried AS (INSERT INTO tombstone (mailbox, modseq, folder, uid) "
        + "SELECT mailbox, modseq, folder, uid FROM gone), "
        + "marked AS (INSERT INTO unreferenced (body, since) "
        + "SELECT body, $9 FROM gone GROUP BY body ORDER BY body "
        + "ON CONFLICT (body) DO UPDATE SET since = EXCLUDED.since), "
        + "unkeyed AS (DELETE FROM message_keyword k USING gone g WHERE k.mailbox = g.mailbox AND k.number = g.number), "
        + "sums AS (SELECT mailbox, folder, count(*) AS messages, sum(octets)::bigint AS octets FROM gone "
        + "GROUP BY mailbox, folder), "
        + "shrunk AS (UPDATE folder f SET octets = f.octets - coalesce(s.octets, 0), highest_modseq = r.modseq "
        + "FROM r JOIN mailbox m ON m.id = r.mailbox "
        + "LEFT JOIN sums s ON s.mailbox = r.mailbox AND s.folder = r.folder "
        + "WHERE f.mailbox = r.mailbox AND f.id = r.folder AND coalesce(s.messages, 0) = r.messages "
        + "AND r.modseq >= m.modseq AND NOT EXISTS (SELECT FROM folder o WHERE o.mailbox = r.mailbox "
        + "AND o.highest_modseq > r.modseq) RETURNING 1), "
        + "counted AS (UPDATE mailbox m SET modseq = greatest(m.modseq, r.modseq), "
        + "tombstones = m.tombstones + r.messages FROM r WHERE m.id = r.mailbox RETURNING 1) "
        + "SELECT CASE WHEN (SELECT count(*) FROM shrunk) <> cardinality($5) OR (SELECT count(*) FROM counted) "
        + "<> cardinality($5) THEN refuse('MC003', 'a removal of messages that are not all there, or a MODSEQ that "
        + "was given before') END";

    public const string TrimTombstones =
        "SELECT trim_tombstones(id, $2) FROM mailbox WHERE id = ANY ($1) AND tombstones > 2 * $2";

    public const string MarkWarned =
        "WITH marked AS (UPDATE mailbox SET is_warned = true WHERE id = ANY ($1) RETURNING id) "
        + "SELECT CASE WHEN count(*) <> (SELECT count(DISTINCT u) FROM unnest($1) AS u) "
        + "THEN refuse('MC003', 'a warning of a mailbox that does not exist') END FROM marked";

    public const string RearmWarning =
        "WITH u AS (SELECT unnest($1::bigint[]) AS mailbox, unnest($2::bigint[]) AS below), "
        + "rearmed AS (UPDATE mailbox m SET is_warned = false FROM u WHERE m.id = u.mailbox AND m.is_warned "
        + "AND (SELECT coalesce(sum(f.octets), 0) FROM folder f WHERE f.mailbox = u.mailbox) < u.below) "
        + "SELECT CASE WHEN EXISTS (SELECT FROM u WHERE NOT EXISTS (SELECT FROM mailbox m WHERE m.id = u.mailbox)) "
        + "THEN refuse('MC003', 'a warning of a mailbox that does not exist') END";

    public const string RaiseOldest =
        "UPDATE folder f SET oldest = u.oldest FROM (SELECT unnest($1::bigint[]) AS mailbox, "
        + "unnest($2::int[]) AS folder, unnest($3::bigint[]) AS oldest, unnest($4::bigint[]) AS last_number) u "
        + "WHERE f.mailbox = u.mailbox AND f.id = u.folder AND f.last_number = u.last_number";

    public const string Discard =
        "WITH gone AS (DELETE FROM staged WHERE body = ANY ($1) RETURNING body) "
        + "DELETE FROM body_chunk c USING gone WHERE c.body = gone.body";

    public const string Token =
        "WITH written AS (UPDATE commit_token SET token = $3 WHERE node = $1 AND lane = $2 AND looked = $4 "
        + "RETURNING 1) SELECT CASE WHEN count(*) <> 1 "
        + "THEN refuse('MC004', 'this connection has been given up') END FROM written";

    // The row's lock waits for a commit that is under way.
    public const string FindToken = "SELECT token, looked FROM commit_token WHERE node = $1 AND lane = $2 FOR UPDATE";

    public const string Look = "UPDATE commit_token SET looked = looked + 1 WHERE node = $1 AND lane = $2";

    public const string OpenToken =
        "INSERT INTO commit_token (node, lane, token, looked) VALUES ($1, $2, 0, 1) "
        + "ON CONFLICT (node, lane) DO UPDATE SET looked = commit_token.looked + 1 RETURNING token, looked";
}
