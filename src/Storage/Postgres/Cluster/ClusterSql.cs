namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>
/// The statements of membership. Every change takes the row of cluster_version first, so that changes come one after
/// the other and none meets another half way; who waits for commits of a node does so before that.
/// </summary>
internal static class ClusterSql
{
    public const string Channel = "mailcluster_cluster";

    public const string Rise = "UPDATE cluster_version SET version = version + 1";

    public const string Notify = $"SELECT pg_notify('{Channel}', '')";

    public const string Rejoin =
        "UPDATE node SET name = $1, incarnation = nextval('incarnation'), address = $2, state = 0, "
        + "lease_until = clock_timestamp() + $3, version = $4, wire_version = $5 "
        + "WHERE lower(name) = lower($1) AND (state = 3 OR lease_until <= clock_timestamp()) RETURNING id, incarnation";

    public const string Join =
        "INSERT INTO node (name, incarnation, address, state, lease_until, version, wire_version) "
        + "SELECT $1, nextval('incarnation'), $2, 0, clock_timestamp() + $3, $4, $5 "
        + "WHERE NOT EXISTS (SELECT FROM node WHERE lower(name) = lower($1)) "
        + "ON CONFLICT (name) DO NOTHING RETURNING id, incarnation";

    public const string Holder =
        "SELECT address, extract(epoch FROM lease_until - clock_timestamp())::float8 FROM node WHERE lower(name) = lower($1)";

    public const string Renew =
        "UPDATE node SET lease_until = clock_timestamp() + $3 WHERE id = $1 AND incarnation = $2 AND state <> 3";

    public const string ReadVersion = "SELECT cluster::text, version FROM cluster_version";

    public const string ReadNodes =
        "SELECT id, name, incarnation, address, state, "
        + "extract(epoch FROM lease_until - clock_timestamp())::float8, version, wire_version FROM node ORDER BY id";

    /// <summary>Nothing when the version is the one that the reader knows.</summary>
    public const string ReadShards =
        "SELECT cell, number, owner, incarnation, epoch FROM shard "
        + "WHERE (SELECT version FROM cluster_version) <> $1 ORDER BY cell, number";

    public const string SetState =
        "UPDATE node SET state = $3 WHERE id = $1 AND incarnation = $2 AND state < $3 AND state <> 3";

    public const string IsThere =
        "SELECT EXISTS (SELECT FROM node WHERE id = $1 AND incarnation = $2 AND (state <> 3 OR $3 = 3))";

    public const string RequestDrain =
        "UPDATE node SET state = 2 WHERE lower(name) = lower($1) AND state < 2 AND lease_until > clock_timestamp()";

    public const string IsDraining =
        "SELECT EXISTS (SELECT FROM node WHERE lower(name) = lower($1) AND state = 2 AND lease_until > clock_timestamp())";

    /// <summary>A later incarnation has its place, it is down, or its lease has expired.</summary>
    public const string IsDead =
        "SELECT EXISTS (SELECT FROM node WHERE id = $1 "
        + "AND (incarnation <> $2 OR state = 3 OR lease_until <= clock_timestamp()))";

    /// <summary>Those that this user may end: the mail stores of all nodes log in alike.</summary>
    public const string EndBackends =
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        + "WHERE application_name = $1 AND datname = current_database() AND pg_has_role(usesysid, 'MEMBER')) ended";

    /// <summary>
    /// Alone: whoever commits for the node holds it with others. Its last commit is waited for, and what commits
    /// afterwards sees what this transaction did.
    /// </summary>
    public const string LockNode = $"SELECT pg_advisory_xact_lock({CommitSql.NodeLocks}, $1)";

    public const string SetDown =
        "UPDATE node SET state = 3 WHERE id = $1 AND incarnation = $2 AND state <> 3 "
        + "AND lease_until <= clock_timestamp()";

    /// <summary>Every shard of the dead one; a target that is not alive, or none, leaves it without an owner.</summary>
    public const string TakeOver =
        "UPDATE shard s SET owner = t.id, incarnation = t.incarnation, epoch = s.epoch + 1 FROM shard o "
        + "LEFT JOIN (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::int[]) AS id, "
        + "unnest($6::bigint[]) AS incarnation) m ON m.cell = o.cell AND m.number = o.number "
        + "LEFT JOIN node t ON t.id = m.id AND t.incarnation = m.incarnation AND t.state <> 3 "
        + "AND t.lease_until > clock_timestamp() "
        + "WHERE s.cell = o.cell AND s.number = o.number AND o.owner = $1 AND o.incarnation = $2";

    public const string Assign =
        "UPDATE shard s SET owner = t.id, incarnation = t.incarnation, epoch = s.epoch + 1 "
        + "FROM (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::int[]) AS id, "
        + "unnest($6::bigint[]) AS incarnation) m JOIN node t ON t.id = m.id AND t.incarnation = m.incarnation "
        + "AND t.state <> 3 AND t.lease_until > clock_timestamp() "
        + "WHERE s.cell = m.cell AND s.number = m.number AND s.owner IS NULL AND "
        + IsCurrent;

    public const string HandOver =
        "UPDATE shard s SET owner = t.id, incarnation = t.incarnation, epoch = s.epoch + 1 "
        + "FROM (SELECT unnest($3::int[]) AS cell, unnest($4::int[]) AS number, unnest($5::int[]) AS id, "
        + "unnest($6::bigint[]) AS incarnation, unnest($7::bigint[]) AS epoch) m "
        + "JOIN node t ON t.id = m.id AND t.incarnation = m.incarnation "
        + "AND t.state <> 3 AND t.lease_until > clock_timestamp() "
        + "WHERE s.cell = m.cell AND s.number = m.number AND s.epoch = m.epoch "
        + "AND s.owner = $1 AND s.incarnation = $2 AND " + IsCurrent
        + " RETURNING s.cell, s.number, s.owner, s.incarnation, s.epoch";

    public const string IsClaimer = "SELECT " + IsCurrent;

    private const string IsCurrent =
        "EXISTS (SELECT FROM node WHERE id = $1 AND incarnation = $2 AND state <> 3)";
}
