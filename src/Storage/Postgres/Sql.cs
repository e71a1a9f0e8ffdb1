using System.Collections.Immutable;
using Npgsql;
using NpgsqlTypes;

namespace MailCluster.Storage.Postgres;

/// <summary>Queries in one line, for what is not done per message.</summary>
internal static class Sql
{
    /// <param name="values">Of $1, $2, …: text, numbers, octets, arrays; null with its type by <see
    /// cref="Null"/>.</param>
    public static NpgsqlCommand Of(NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
#pragma warning disable CA2100 // a constant of this program
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
        {
            command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
        }

        return command;
    }

    public static object Null(object? value, NpgsqlDbType type) =>
        new NpgsqlParameter { NpgsqlDbType = type, Value = value ?? DBNull.Value };

    public static async ValueTask<int> RunAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = Of(connection, sql, values);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The first column of the first row; default when there is none or it is null.</summary>
    public static async ValueTask<T?> ScalarAsync<T>(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = Of(connection, sql, values);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is T found
            ? found
            : default;
    }

    public static async ValueTask<ImmutableArray<T>> ListAsync<T>(
        NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken,
        params object[] values)
    {
        await using var command = Of(connection, sql, values);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var all = ImmutableArray.CreateBuilder<T>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            all.Add(read(rows));
        }

        return all.ToImmutable();
    }

    public static async ValueTask<T?> FindAsync<T>(
        NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken,
        params object[] values)
        where T : class
    {
        await using var command = Of(connection, sql, values);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false) ? read(rows) : null;
    }
}
