namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>The statements of membership. Every time is the database's, read after all locks are had.</summary>
internal static class ClusterSql
{
    public const string Channel = "mailcluster_cluster";

    // One node joins at a time, so that two of one name cannot both find it free.
    public const string LockJoins = "SELECT pg_advisory_xact_lock(1296651592, 0)";

    public const string FindName =
        "SELECT id, incarnation, address, extract(epoch FROM lease_until - clock_timestamp())::float8, state "
        + "FROM node WHERE name = $1 FOR UPDATE";

    public const string Join =
        "INSERT INTO node (name, incarnation, address, state, lease_until, version, wire_version) "
        + "VALUES ($1, nextval('incarnation'), $2, 0, clock_timestamp() + $3, $4, $5) "
        + "ON CONFLICT (name) DO UPDATE SET incarnation = EXCLUDED.incarnation, address = EXCLUDED.address, state = 0, "
        + "lease_until = EXCLUDED.lease_until, version = EXCLUDED.version, wire_version = EXCLUDED.wire_version "
        + "RETURNING id, incarnation";

    /// <summary>Of the row alone: no other statement of membership or mail holds it for long.</summary>
    public const string Renew =
        "UPDATE node SET lease_until = clock_timestamp() + $3 WHERE id = $1 AND incarnation = $2 AND state <> 3";

    public const string SetState =
        "UPDATE node SET state = $3, lease_until = CASE WHEN $3 = 3 THEN clock_timestamp() ELSE lease_until END "
        + "WHERE id = $1 AND incarnation = $2 AND state <> 3 AND state <= $3";

    public const string RequestDrain =
        "UPDATE node SET state = 2 WHERE name = $1 AND state < 2 AND lease_until > clock_timestamp()";

    public const string Version = "SELECT cluster::text, version FROM cluster_version";

    public const string Nodes =
        "SELECT id, name, incarnation, address, state, extract(epoch FROM lease_until - clock_timestamp())::float8, "
        + "version, wire_version FROM node ORDER BY id";

    public const string Shards = "SELECT cell, number, owner, incarnation, epoch FROM shard ORDER BY cell, number";

    public const string Changed =
        "WITH risen AS (UPDATE cluster_version SET version = version + 1 RETURNING 1) "
        + "SELECT pg_notify('mailcluster_cluster', '') FROM risen";

    // What still runs in the name of the dead: its lanes, its reads. Ended before the lock is asked for.
    public const string EndBackends =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        + "WHERE application_name = $1 AND pid <> pg_backend_pid()";

    // Shared with it are the commits of the node (CommitSql.Lock): who has it alone has waited for the last of them.
    public const string LockNode = $"SELECT pg_advisory_xact_lock({CommitSql.NodeLocks}, $1)";

    /// <summary>A statement of its own behind the lock, so that it sees a renewal that came before it.</summary>
    public const string SetDown =
        "UPDATE node SET state = 3 WHERE id = $1 AND incarnation = $2 "
        + "AND (state = 3 OR lease_until < clock_timestamp())";

    /// <summary>A dead incarnation whose node has joined anew has no row any more; its shards are as free.</summary>
    public const string IsSuperseded = "SELECT count(*) FROM node WHERE id = $1 AND incarnation > $2";

    /// <summary>Targets are nodes as they are there now, so that none is given to one that has gone meanwhile.</summary>
    public const string Move =
        "UPDATE shard s SET owner = n.id, incarnation = n.incarnation, epoch = s.epoch + 1 "
        + "FROM (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::int[]) AS owner, "
        + "unnest($6::bigint[]) AS incarnation) u "
        + "JOIN node n ON n.id = u.owner AND n.incarnation = u.incarnation AND n.state <> 3 "
        + "WHERE s.cell = u.cell AND s.number = u.number AND s.owner = $1 AND s.incarnation = $2";

    public const string Assign =
        "UPDATE shard s SET owner = n.id, incarnation = n.incarnation, epoch = s.epoch + 1 "
        + "FROM (SELECT unnest($1::int[]) AS cell, unnest($2::int[]) AS number, unnest($3::int[]) AS owner, "
        + "unnest($4::bigint[]) AS incarnation) u "
        + "JOIN node n ON n.id = u.owner AND n.incarnation = u.incarnation AND n.state <> 3 "
        + "WHERE s.cell = u.cell AND s.number = u.number AND s.owner IS NULL";

    public const string HandOver =
        "UPDATE shard s SET owner = n.id, incarnation = n.incarnation, epoch = s.epoch + 1 "
        + "FROM (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::int[]) AS owner, "
        + "unnest($6::bigint[]) AS incarnation, unnest($7::bigint[]) AS epoch) u "
        + "JOIN node n ON n.id = u.owner AND n.incarnation = u.incarnation AND n.state <> 3 "
        + "WHERE s.cell = u.cell AND s.number = u.number AND s.owner = $1 AND s.incarnation = $2 "
        + "AND s.epoch = u.epoch "
        + "RETURNING s.cell, s.number, s.owner, s.incarnation, s.epoch";
}
