using System.Globalization;

namespace MailCluster.Storage.Sqlite;

/// <summary>The folder of one node's store, held by one process at a time.</summary>
internal sealed class DataDirectory : IDisposable
{
    private const string LockName = "mailcluster.lock";
    // Apart from the lock, which on Unix shuts out readers too.
    private const string PidName = "mailcluster.pid";
    private const string DatabaseName = "mailcluster.db";

    private readonly FileStream _lock;
    private readonly string _pidPath;

    private DataDirectory(string path, FileStream held)
    {
        Root = path;
        DatabasePath = Path.Combine(path, DatabaseName);
        _lock = held;
        _pidPath = Path.Combine(path, PidName);
    }

    public string Root { get; }

    public string DatabasePath { get; }

    public string WalPath => DatabasePath + "-wal";

    /// <exception cref="StoreOpenException">It cannot be made, written or locked.</exception>
    public static DataDirectory Hold(string path)
    {
        try
        {
            var full = Path.GetFullPath(path);
            if (!Directory.Exists(full))
            {
                Make(full);
            }

            var held = new DataDirectory(full, Lock(full));
            File.WriteAllText(held._pidPath, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return held;
        }
        catch (Exception refused) when (refused is UnauthorizedAccessException or IOException or ArgumentException)
        {
            throw new StoreOpenException(
                $"The data directory {path} cannot be used: {refused.Message} "
                + "It has to be a directory that the server's user can read and write.", refused);
        }
    }

    // The lock goes with the process, whatever ends it; its file stays, or a third could lock another file of
    // that name.
    public void Dispose()
    {
        File.Delete(_pidPath);
        _lock.Dispose();
    }

    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static FileStream Lock(string directory)
    {
        var path = Path.Combine(directory, LockName);
        FileStream held;
        try
        {
            // No sharing is an exclusive flock on Unix.
            held = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(path))
        {
            var owner = ReadOwner(Path.Combine(directory, PidName));
            var who = owner is { } pid ? string.Create(CultureInfo.InvariantCulture, $"process {pid}")
                : "another process";
            throw new DataDirectoryInUseException(
                $"The data directory {directory} is in use by {who}. Stop it, or give this one another directory.",
                    owner);
        }

        return held;
    }

    private static int? ReadOwner(string path)
    {
        try
        {
            return int.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                ? pid : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
