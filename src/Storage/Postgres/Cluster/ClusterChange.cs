using System.Collections.Immutable;
using MailCluster.Shared.Cluster;
using Npgsql;

namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>The statements of one change, in its transaction.</summary>
internal readonly struct ClusterChange(NpgsqlConnection connection, CancellationToken cancellationToken)
{
    /// <summary>Two statements, so that the second's snapshot is younger than the lock; one round trip.</summary>
    public async ValueTask BeginAsync(NodeId? locked)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (locked is { } node)
        {
            batch.BatchCommands.Add(new(ClusterSql.LockNode) { Parameters = { new() { Value = node.Value } } });
        }

        batch.BatchCommands.Add(new(ClusterSql.Rise));
        _ = await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<int> RunAsync(string sql, params object[] values) =>
        Sql.RunAsync(connection, sql, cancellationToken, values);

    public ValueTask<bool> AskAsync(string sql, params object[] values) =>
        Sql.ScalarAsync<bool>(connection, sql, cancellationToken, values);

    public ValueTask<T?> FindAsync<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
        where T : class => Sql.FindAsync(connection, sql, read, cancellationToken, values);

    public ValueTask<ImmutableArray<T>> ListAsync<T>(
        string sql, Func<NpgsqlDataReader, T> read, params object[] values) =>
        Sql.ListAsync(connection, sql, read, cancellationToken, values);
}
