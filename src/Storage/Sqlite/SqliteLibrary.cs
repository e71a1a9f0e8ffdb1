using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Binds the provider to the system's SQLite: that library gets the distribution's security updates, a bundled
/// one would not.
/// </summary>
internal static class SqliteLibrary
{
    private const string ProviderName = "e_sqlite3";
    private const string MissingText =
        "The system's SQLite library is missing (looked for {0}). Install it: on Debian and Ubuntu `apt-get install "
            + "libsqlite3-0`.";

    // Upsert and RETURNING as used by the committer.
    private const int VersionMin = 3_035_000;

    private static readonly string[] Names = OperatingSystem.IsMacOS()
        ? ["libsqlite3.dylib", "/usr/lib/libsqlite3.dylib"]
        : OperatingSystem.IsWindows() ? ["winsqlite3.dll", "sqlite3.dll"] : ["libsqlite3.so.0", "libsqlite3.so"];

    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Once per process; later calls cost nothing.</summary>
    /// <exception cref="StoreOpenException">The library is not there or too old.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (_loaded)
            {
                return;
            }

            if (!TryFind(out _))
            {
                throw new StoreOpenException(MissingText.Replace("{0}", Names[0], StringComparison.Ordinal));
            }

            NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
            raw.SetProvider(new SQLite3Provider_e_sqlite3());
            var version = raw.sqlite3_libversion_number();
            if (version < VersionMin)
            {
                throw new StoreOpenException(
                    $"The system's SQLite library is {raw.sqlite3_libversion().utf8_to_string()}; 3.35 or newer is "
                        + "needed.");
            }

            _loaded = true;
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name == ProviderName && TryFind(out var handle) ? handle : 0;

    private static bool TryFind(out nint handle)
    {
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, out handle))
            {
                return true;
            }
        }

        handle = 0;
        return false;
    }
}
