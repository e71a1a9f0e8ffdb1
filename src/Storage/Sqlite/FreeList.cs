namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Pages that the database gave up and fills again before its file grows. Looked at when the log is copied and after a
/// sweep, on connections that are at work anyway: what was written since is less than a log.
/// </summary>
internal sealed class FreeList
{
    private long _octets;

    public long Octets => Volatile.Read(ref _octets);

    public void Read(Database database) => Volatile.Write(
        ref _octets, database.Scalar("PRAGMA freelist_count") * database.Scalar("PRAGMA page_size"));
}
