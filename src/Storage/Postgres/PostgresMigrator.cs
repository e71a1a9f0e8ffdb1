using System.Globalization;
using System.Reflection;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Numbered SQL scripts, each applied once, in order, all that are due in one transaction. Programs that start at the
/// same time wait for each other.
/// </summary>
internal static class PostgresMigrator
{
    /// <summary>Beside the locks of nodes, whose first number is one less.</summary>
    public const string Lock = "pg_advisory_xact_lock(1296651592, 1)";

    /// <returns>The number of scripts applied.</returns>
    /// <exception cref="StoreOpenException">
    /// The schema is newer than this program, or the database is another's.
    /// </exception>
    public static async Task<int> RunAsync(
        NpgsqlConnection connection, string place, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var scripts = Scripts();
        await using var transaction =
            await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        _ = await ScalarAsync(connection, $"SELECT {Lock}", cancellationToken).ConfigureAwait(false);
        await RefuseForeignAsync(connection, place, cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(
            connection,
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, name text NOT NULL, "
                + "applied bigint NOT NULL)",
            cancellationToken).ConfigureAwait(false);
        var present = (int)(await ScalarAsync(
            connection, "SELECT coalesce(max(version), 0) FROM schema_version", cancellationToken)
            .ConfigureAwait(false))!;
        var newest = scripts[^1].Version;
        if (present > newest)
        {
            throw new StoreOpenException(string.Create(
                CultureInfo.InvariantCulture,
                $"The database {place} has schema version {present}, this program knows up to {newest}. "
                    + $"Start a newer program on it."));
        }

        var applied = 0;
        foreach (var (version, name, sql) in scripts)
        {
            if (version > present)
            {
                await ExecuteAsync(connection, sql, cancellationToken).ConfigureAwait(false);
                await using var insert = new NpgsqlCommand(
                    "INSERT INTO schema_version (version, name, applied) VALUES ($1, $2, $3)", connection)
                {
                    Parameters =
                    {
                        new() { Value = version }, new() { Value = name },
                        new() { Value = now.ToUnixTimeMilliseconds() },
                    },
                };
                _ = await insert.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                applied++;
            }
        }

        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return applied;
    }

    // A database that another program made must not get our tables. What an extension brought is nobody's.
    private static async Task RefuseForeignAsync(
        NpgsqlConnection connection, string place, CancellationToken cancellationToken)
    {
        var state = (int)(await ScalarAsync(
            connection,
            "SELECT CASE WHEN to_regclass('schema_version') IS NOT NULL THEN "
            + "CASE WHEN to_regclass('commit_token') IS NULL AND to_regclass('id_block') IS NULL THEN 1 ELSE 0 END "
            + "WHEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace "
            + "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT FROM pg_depend d "
            + "WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) THEN 1 "
            + "WHEN current_schema() IS NULL THEN 2 ELSE 0 END",
            cancellationToken).ConfigureAwait(false))!;
        if (state != 0)
        {
            throw new StoreOpenException(state == 1
                ? $"The database {place} was made by another program. Give the server a database of its own."
                : $"The database {place} has no schema in the search_path that the user may see. "
                    + "Create one, or set search_path for the user.");
        }
    }

    private static List<(int Version, string Name, string Sql)> Scripts()
    {
        const string Folder = "Postgres/";
        var assembly = Assembly.GetExecutingAssembly();
        var scripts = new List<(int Version, string Name, string Sql)>();
        foreach (var resource in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (resource.StartsWith(Folder, StringComparison.Ordinal))
            {
                var name = Path.GetFileNameWithoutExtension(resource[Folder.Length..]);
                using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
                scripts.Add((int.Parse(name[..4], CultureInfo.InvariantCulture), name, reader.ReadToEnd()));
            }
        }

        return scripts;
    }

    private static async Task ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // a script of this program
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        _ = await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<object?> ScalarAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // a constant of this program
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }
}
