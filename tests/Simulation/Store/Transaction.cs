using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;

namespace MailCluster.Simulation.Store;

internal enum TransactionEnd
{
    Committed,

    /// <summary>The database could not be reached: nothing was sent.</summary>
    NotBegun,

    /// <summary>The connection broke after the batch was sent: the token tells.</summary>
    Unknown,

    /// <summary>This incarnation may not write any more.</summary>
    Fenced,

    /// <summary>Some of the shards are not this node's under that epoch.</summary>
    ShardsLost,

    /// <summary>One unit does not fit what is there.</summary>
    UnitRefused,
}

/// <param name="Lost">Of <see cref="TransactionEnd.ShardsLost"/>.</param>
/// <param name="Refused">Of <see cref="TransactionEnd.UnitRefused"/>.</param>
internal sealed record TransactionAnswer(
    TransactionEnd End, ImmutableArray<ShardEpoch> Lost = default, CommitUnit? Refused = null)
{
    public static readonly TransactionAnswer Unknown = new(TransactionEnd.Unknown);
}

/// <summary>One batch within the server: it goes on whether its client is still there or not.</summary>
internal sealed class Transaction(NodePeer writer, long token, ImmutableArray<CommitUnit> units)
{
    private readonly TaskCompletionSource _ended = new();

    public NodePeer Writer => writer;

    public long Token => token;

    public ImmutableArray<CommitUnit> Units => units;

    /// <summary>COMMIT is being written: it becomes durable, or the server dies before.</summary>
    public bool IsCommitting { get; set; }

    public bool IsOver { get; private set; }

    public Task Ended => _ended.Task;

    /// <summary>
    /// Rows that it has locked or wants to, in that order: mailboxes, rows of the spool, numbers of bodies.
    /// </summary>
    public ImmutableArray<(int Kind, long Id)> Rows { get; } = RowsOf(units);

    public void End()
    {
        IsOver = true;
        _ended.TrySetResult();
    }

    private static ImmutableArray<(int Kind, long Id)> RowsOf(ImmutableArray<CommitUnit> units) =>
    [
        .. units.SelectMany(unit => unit.Operations).Select(operation => operation switch
        {
            StoreOperation.InsertMessage insert => (0, insert.Mailbox.Value),
            StoreOperation.DeleteMessages delete => (0, delete.Mailbox.Value),
            StoreOperation.TakeSpooled taken => (1, taken.Id.Value),
            StoreOperation.DeferSpooled deferred => (1, deferred.Id.Value),
            StoreOperation.InsertBody body => (2, body.Body.Value),
            _ => (3, 0L),
        }).Where(row => row.Item1 < 3).Distinct().Order(),
    ];
}
