using System.Globalization;
using System.Reflection;

namespace MailCluster.Storage.Sqlite;

/// <summary>Numbered SQL scripts, each applied once, in order, all that are due in one transaction.</summary>
internal static class Migrator
{
    /// <returns>The number of scripts applied.</returns>
    /// <exception cref="StoreOpenException">The schema is newer than this program.</exception>
    public static int Run(Database database, DateTimeOffset now)
    {
        var scripts = Scripts();
        database.Execute("BEGIN IMMEDIATE");
        try
        {
            RefuseForeign(database);
            database.Execute(
                "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                    + "applied INTEGER NOT NULL)");
            var present = database.Scalar("SELECT coalesce(max(version), 0) FROM schema_version");
            var newest = scripts[^1].Version;
            if (present > newest)
            {
                throw new StoreOpenException(
                    $"The database has schema version {present}, this program knows up to {newest}. Start a newer "
                        + "program on it.");
            }

            var applied = 0;
            foreach (var (version, name, sql) in scripts)
            {
                if (version > present)
                {
                    database.Execute(sql);
                    var insert = database.Get("INSERT INTO schema_version (version, name, applied) VALUES (?, ?, ?)");
                    insert.Bind(1, version);
                    insert.Bind(2, name);
                    insert.Bind(3, now.ToUnixTimeMilliseconds());
                    insert.Run();
                    applied++;
                }
            }

            database.Execute("COMMIT");
            return applied;
        }
        catch (Exception)
        {
            database.Rollback();
            throw;
        }
    }

    // A file that another program made must not get our tables.
    private static void RefuseForeign(Database database)
    {
        if (database.Scalar("SELECT count(*) FROM sqlite_master") > 0
            && database.Scalar("SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'") == 0)
        {
            throw new StoreOpenException(
                "The database was made by another program. Give the server a directory of its own.");
        }
    }

    private static List<(int Version, string Name, string Sql)> Scripts()
    {
        const string Folder = "Sqlite/";
        var assembly = Assembly.GetExecutingAssembly();
        var scripts = new List<(int, string, string)>();
        foreach (
            var name in assembly.GetManifestResourceNames().Where(name =>
                name.StartsWith(Folder, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var file = name[Folder.Length..];
            scripts.Add((int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture), file, reader.ReadToEnd()));
        }

        scripts.Sort((left, right) => left.Item1.CompareTo(right.Item1));
        return scripts;
    }
}
