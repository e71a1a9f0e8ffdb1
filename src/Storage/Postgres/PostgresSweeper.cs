using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Deletes bodies that nothing has referred to for a day and chunks of messages that never came to their end, in small
/// transactions. Every node has one; what one is at work on the others pass over.
/// </summary>
internal sealed class PostgresSweeper : IAsyncDisposable
{
    private const int BodiesPerBatch = 64;
    private const int ChunksPerBatch = 256;
    private const int MarksPerBatch = 1000;

    // Who commits a new reference to a body holds its row; the references are looked for in a later statement, so
    // whatever was committed until the row was locked is seen, and nothing can come after.
    private const string LockBodies =
        "SELECT id FROM body WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED";

    private readonly ReadPool _pool;
    private readonly PostgresStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly StorageMetrics _metrics;
    private readonly CancellationTokenSource _stop = new();
    private readonly PeriodicTimer _timer;
    private readonly Task _loop;

    public PostgresSweeper(
        ReadPool pool, PostgresStoreOptions options, TimeProvider time, ILogger log, StorageMetrics metrics)
    {
        _pool = pool;
        _options = options;
        _time = time;
        _log = log;
        _metrics = metrics;
        _timer = new PeriodicTimer(options.SweepInterval, time);
        _loop = RunAsync();
    }

    /// <summary>All that is due now and that no other node is at work on. The number of bodies that went.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var bodies = await AllAsync(SweepUnreferencedAsync, cancellationToken).ConfigureAwait(false);
        var staged = await AllAsync(SweepStagedAsync, cancellationToken).ConfigureAwait(false);
        _ = await AllAsync(SweepImportMarksAsync, cancellationToken).ConfigureAwait(false);
        if (bodies + staged > 0)
        {
            _metrics.BodiesSwept.Add(bodies);
            StorageLog.Swept(_log, bodies, staged);
        }

        return bodies + staged;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _timer.Dispose();
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                try
                {
                    _ = await SweepAsync(_stop.Token).ConfigureAwait(false);
                }
                catch (StoreUnavailableException failed)
                {
                    StorageLog.SweepFailed(_log, failed.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The store is closing.
        }
    }

    private async Task<int> AllAsync(
        Func<NpgsqlConnection, CancellationToken, ValueTask<(bool IsMore, int Gone)>> sweep,
        CancellationToken cancellationToken)
    {
        var gone = 0;
        bool isMore;
        do
        {
            var swept = await _pool.WriteAsync(sweep, cancellationToken).ConfigureAwait(false);
            gone += swept.Gone;
            isMore = swept.IsMore;
        }
        while (isMore);

        return gone;
    }

    private async ValueTask<(bool IsMore, int Gone)> SweepUnreferencedAsync(
        NpgsqlConnection connection, CancellationToken stop)
    {
        var due = await DueAsync(connection, "unreferenced", _options.UnreferencedFor, stop).ConfigureAwait(false);
        if (due.Length == 0)
        {
            return (false, 0);
        }

        long[] locked = [.. await Sql.ListAsync(connection, LockBodies, row => row.GetInt64(0), stop, due)
            .ConfigureAwait(false)];
        long[] free = [.. await Sql.ListAsync(
            connection,
            "SELECT b FROM unnest($1::bigint[]) AS u (b) WHERE NOT EXISTS (SELECT FROM message WHERE body = b) "
            + "AND NOT EXISTS (SELECT FROM spool WHERE body = b)",
            row => row.GetInt64(0), stop, locked).ConfigureAwait(false)];
        var (whole, isMore) = await DropChunksAsync(connection, free, stop).ConfigureAwait(false);
        _ = await Sql.RunAsync(connection, "DELETE FROM body WHERE id = ANY ($1)", stop, whole).ConfigureAwait(false);

        // Those that are referred to are looked at again when they lose a reference; those that are not there are done
        // with; those that somebody held are left, and so are those that go in several transactions.
        long[] done = [.. due.Except(locked.Except(whole).Intersect(free))];
        long[] held = [.. await Sql.ListAsync(
            connection, "SELECT id FROM body WHERE id = ANY ($1)", row => row.GetInt64(0), stop,
            due.Except(locked).ToArray()).ConfigureAwait(false)];
        done = [.. done.Except(held)];
        _ = await Sql.RunAsync(connection, "DELETE FROM unreferenced WHERE body = ANY ($1)", stop, done)
            .ConfigureAwait(false);
        return (done.Length > 0 || isMore, whole.Length);
    }

    private async ValueTask<(bool IsMore, int Gone)> SweepStagedAsync(
        NpgsqlConnection connection, CancellationToken stop)
    {
        var due = await DueAsync(connection, "staged", _options.StagedFor, stop).ConfigureAwait(false);
        if (due.Length == 0)
        {
            return (false, 0);
        }

        var (whole, isMore) = await DropChunksAsync(connection, due, stop).ConfigureAwait(false);
        _ = await Sql.RunAsync(connection, "DELETE FROM staged WHERE body = ANY ($1)", stop, whole)
            .ConfigureAwait(false);
        return (whole.Length > 0 || isMore, whole.Length);
    }

    private async ValueTask<(bool IsMore, int Gone)> SweepImportMarksAsync(
        NpgsqlConnection connection, CancellationToken stop)
    {
        var gone = await Sql.RunAsync(
            connection,
            "DELETE FROM import_mark WHERE (mailbox, source) IN "
            + "(SELECT mailbox, source FROM import_mark WHERE since <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            stop, Before(_options.ImportMarksFor), MarksPerBatch).ConfigureAwait(false);
        return (gone == MarksPerBatch, gone);
    }

    private async ValueTask<long[]> DueAsync(
        NpgsqlConnection connection, string table, TimeSpan age, CancellationToken stop) =>
        [.. await Sql.ListAsync(
            connection,
            $"SELECT body FROM {table} WHERE since <= $1 ORDER BY since LIMIT $2 FOR UPDATE SKIP LOCKED",
            row => row.GetInt64(0), stop, Before(age), BodiesPerBatch).ConfigureAwait(false)];

    /// <summary>Of the bodies those that have none left; large ones go in several transactions.</summary>
    private static async ValueTask<(long[] Whole, bool IsMore)> DropChunksAsync(
        NpgsqlConnection connection, long[] bodies, CancellationToken stop)
    {
        var whole = new List<long>();
        var room = ChunksPerBatch;
        foreach (var body in bodies)
        {
            var gone = await Sql.RunAsync(
                connection,
                "DELETE FROM body_chunk WHERE body = $1 AND sequence IN "
                + "(SELECT sequence FROM body_chunk WHERE body = $1 ORDER BY sequence DESC LIMIT $2)",
                stop, body, room).ConfigureAwait(false);
            room -= gone;
            if (room == 0)
            {
                return ([.. whole], true);
            }

            whole.Add(body);
        }

        return ([.. whole], false);
    }

    private long Before(TimeSpan age) => (_time.GetUtcNow() - age).ToUnixTimeMilliseconds();
}
