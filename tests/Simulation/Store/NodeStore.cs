using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation.Store;

/// <summary>
/// One incarnation's store: its connections to the database, and lanes of commits in the memory of its process.
/// </summary>
internal sealed class NodeStore : IMailboxStore, IBodyStore, ISpoolStore
{
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(2);

    private readonly MailDatabase _database;
    private readonly SimulatedProcess _process;
    private readonly Chance _chance;
    private TaskCompletionSource _disconnected = new();

    public NodeStore(MailDatabase database, SimulatedProcess process, NodePeer self, Chance chance)
    {
        _database = database;
        _process = process;
        _chance = chance;
        Self = self;
        Committer = new NodeCommitter(this, process);
        database.Add(this);
    }

    /// <summary>Whose fence it writes behind.</summary>
    public NodePeer Self { get; set; }

    public NodeCommitter Committer { get; }

    /// <summary>Packets between this node and the database are lost.</summary>
    public bool IsCutOff { get; set; }

    /// <summary>Costs no read, and is for a metric only.</summary>
    public long Count => 0;

    private bool IsReachable => !IsCutOff && !_database.IsAway;

    /// <summary>Every connection is reset.</summary>
    public void Disconnect()
    {
        var before = _disconnected;
        _disconnected = new TaskCompletionSource();
        before.SetResult();
    }

    /// <summary>Sends one batch and waits for its end. Called within the process, runs outside of it.</summary>
    public Task<TransactionAnswer> ExecuteAsync(Transaction transaction) =>
        _process.Outside(() => SendAsync(transaction));

    /// <summary>Null: the database could not be asked; again later.</summary>
    public Task<bool?> FindTokenAsync(Transaction transaction) => _process.Outside(() => LookUpAsync(transaction));

    BodyId IBodyStore.NextId() => new(_database.NextId());

    SpoolId ISpoolStore.NextId() => new(_database.NextId());

    public ValueTask<MailboxImage?> LoadAsync(MailboxId mailbox, CancellationToken cancellationToken) =>
        ReadAsync(() => _database.Rows.Load(mailbox));

    public ValueTask<SpoolMailboxes> ListMailboxesAsync(
        MailboxId? from, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        ReadAsync(() => _database.Rows.Due(from, now, limit));

    public ValueTask<ImmutableArray<SpoolRow>> ListDueAsync(
        MailboxId mailbox, DateTimeOffset until, int limit, CancellationToken cancellationToken) =>
        ReadAsync(() => _database.Rows.Due(mailbox, until, limit));

    public ValueTask<DateTimeOffset?> FindOldestAsync(CancellationToken cancellationToken) =>
        ReadAsync(_database.Rows.OldestSpooled);

    public ValueTask<ImmutableArray<SpoolRow>> ListAsync(
        SpoolFilter filter, SpoolId after, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<SpoolRow?> FindAsync(SpoolId id, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<ImportStanding> FindImportAsync(
        MailboxId mailbox, string key, string? foreignUniqueId, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<int> ReadAsync(
        BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<bool> ExistsAsync(BodyId body, CancellationToken cancellationToken) =>
        ReadAsync(() => _database.Rows.HasBody(body));

    public ValueTask<int> ReadMessageAsync(
        MailboxId mailbox, MessageNumber number, BodyId body, Memory<byte> destination,
        CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    private TimeSpan Way() => _chance.OneIn(20) ? _chance.Milliseconds(0, 5) : _chance.Milliseconds(0, 1);

    private async Task<TransactionAnswer> SendAsync(Transaction transaction)
    {
        await _database.DelayAsync(Way());
        if (!IsReachable)
        {
            // Refused at once, or packets that nobody answers.
            await _database.DelayAsync(_chance.OneIn(2) ? Way() : CommandTimeout);
            return new(TransactionEnd.NotBegun);
        }

        var executed = _database.ExecuteAsync(transaction);
        var broken = _disconnected.Task;
        await Task.WhenAny(executed, broken, _database.DelayAsync(CommandTimeout));
        await _database.DelayAsync(Way());
        return executed.IsCompleted && !broken.IsCompleted && IsReachable
            ? await executed ?? TransactionAnswer.Unknown
            : TransactionAnswer.Unknown;
    }

    private async Task<bool?> LookUpAsync(Transaction transaction)
    {
        await _database.DelayAsync(Way());
        if (!IsReachable)
        {
            await _database.DelayAsync(TimeSpan.FromMilliseconds(200));
            return null;
        }

        var isCommitted = await _database.FindTokenAsync(transaction);
        await _database.DelayAsync(Way());
        return IsReachable ? isCommitted : null;
    }

    private ValueTask<T> ReadAsync<T>(Func<T> read) => new(_process.Outside(() => QueryAsync(read)));

    private async Task<T> QueryAsync<T>(Func<T> read)
    {
        await _database.DelayAsync(Way());
        var broken = _disconnected.Task;
        if (IsReachable)
        {
            // As of now; what commits while the answer is on its way is not in it.
            var rows = read();
            await _database.DelayAsync(Way());
            if (IsReachable && !broken.IsCompleted)
            {
                return rows;
            }
        }

        await _database.DelayAsync(_chance.OneIn(2) ? Way() : CommandTimeout);
        throw new StoreUnavailableException("The simulated database does not answer.");
    }
}
