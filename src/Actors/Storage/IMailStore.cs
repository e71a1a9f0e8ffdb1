namespace MailCluster.Actors.Storage;

/// <summary>One store, two engines (SQLite, PostgreSQL), one test suite.</summary>
public interface IMailStore : IAsyncDisposable
{
    ICommitter Committer { get; }

    IMailboxStore Mailboxes { get; }

    IBodyStore Bodies { get; }

    IDirectoryStore Directory { get; }

    ISpoolStore Spool { get; }

    IQuotaStore Quotas { get; }

    /// <summary>Null while the store takes writes; otherwise why not, for /health/ready and the log.</summary>
    string? Fault { get; }

    /// <summary>
    /// The database is not there at all: new transactions are refused at their first command (451 4.3.0). A store in
    /// the process is never away. Costs no lock and no I/O.
    /// </summary>
    bool IsAway => false;

    /// <summary>Octets that the store has of the disk, holds nothing in and fills again first; of late.</summary>
    long ReusableOctets { get; }
}
