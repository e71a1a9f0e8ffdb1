using MailCluster.Actors.Storage;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Connections that read, and those that the directory's changes are made on. A caller has one for one short read;
/// while all are taken others wait, up to a bound.
/// </summary>
internal sealed class ReadPool(
    NpgsqlDataSource source, PostgresStoreOptions options, Availability availability, StorageMetrics metrics)
    : IDisposable
{
    private NpgsqlDataSource _source = source;
    private readonly SemaphoreSlim _free = new(options.ReadConnections, options.ReadConnections);
    private int _waiting;

    public void Dispose() => _free.Dispose();

    /// <summary>Reads that begin from now on use these connections.</summary>
    public void Take(NpgsqlDataSource source) => Volatile.Write(ref _source, source);

    /// <exception cref="StoreUnavailableException">The database does not answer, or too many wait.</exception>
    public async ValueTask<TResult> ReadAsync<TState, TResult>(
        Func<NpgsqlConnection, TState, CancellationToken, ValueTask<TResult>> read, TState state,
        CancellationToken cancellationToken)
    {
        if (availability.IsUnreachable)
        {
            throw new StoreUnavailableException("The database is away.");
        }

        if (Interlocked.Increment(ref _waiting) > options.ReadsWaitingMax)
        {
            Interlocked.Decrement(ref _waiting);
            throw new StoreUnavailableException("Too many reads wait for the database.");
        }

        try
        {
            await _free.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        metrics.Reads.Add(1);
        try
        {
            await using var connection =
                await Volatile.Read(ref _source).OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            return await read(connection, state, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            throw PostgresErrors.Unavailable(thrown);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>
    /// One transaction of an administrator: it may take its time. Committed when the task completes; when that fails,
    /// nobody knows.
    /// </summary>
    public async Task<TResult> WriteAsync<TResult>(
        Func<NpgsqlConnection, CancellationToken, ValueTask<TResult>> write, CancellationToken cancellationToken)
    {
        return await ReadAsync(
            static async (connection, work, stop) =>
            {
                stop.ThrowIfCancellationRequested();
                await using var transaction =
                    await connection.BeginTransactionAsync(CancellationToken.None).ConfigureAwait(false);
                var result = await work(connection, CancellationToken.None).ConfigureAwait(false);
                await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
                return result;
            },
            write,
            cancellationToken).ConfigureAwait(false);
    }
}
