using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Tells a reader that what it has read ahead may be gone. Counters by mailbox, many mailboxes to one: a change that
/// was none costs a reader one more look at the row. Written by the writer's thread only, after the commit and before
/// anyone hears of it.
/// </summary>
internal sealed class RemovalStamps
{
    private const int Stripes = 1024;

    private readonly long[] _removals = new long[Stripes];
    private long _wholesale;

    public long Of(long mailbox) => Volatile.Read(ref _wholesale)
        + Volatile.Read(ref _removals[mailbox & (Stripes - 1)]);

    public void Committed(CommitUnit unit)
    {
        // A removal is a unit of its own, with its operation first.
        if (unit.Operations is [StoreOperation.DeleteMessages delete, ..])
        {
            ref var removals = ref _removals[delete.Mailbox.Value & (Stripes - 1)];
            Volatile.Write(ref removals, removals + 1);
        }
    }

    /// <summary>After a change of the directory, which may have removed mailboxes.</summary>
    public void CommittedDirectory() => Volatile.Write(ref _wholesale, _wholesale + 1);
}
