using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>
/// Told by LISTEN that nodes or shards changed. A hint: while the connection is broken, polling sees the same later.
/// </summary>
internal sealed class ClusterFeed : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _source;
    private readonly Action _changed;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public ClusterFeed(NpgsqlDataSource source, Action changed, TimeProvider time, ILogger log)
    {
        _source = source;
        _changed = changed;
        _time = time;
        _log = log;
        _loop = Task.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await ListenAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception thrown) when (
                PostgresErrors.IsOfDatabase(thrown) || thrown is OperationCanceledException)
            {
                PostgresLog.ClusterFeedBroken(_log, PostgresErrors.Text(thrown));
            }

            await Task.Delay(Pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ListenAsync()
    {
        await using var connection = await _source.OpenConnectionAsync(_stop.Token).ConfigureAwait(false);
        connection.Notification += (_, _) => _changed();
        _ = await Sql.RunAsync(connection, $"LISTEN {ClusterSql.Channel}", _stop.Token).ConfigureAwait(false);
        _changed();
        while (true)
        {
            // Shows a connection that died without a word.
            _ = await connection.WaitAsync(Look, _stop.Token).ConfigureAwait(false);
            _ = await Sql.ScalarAsync<int>(connection, "SELECT 1", _stop.Token).ConfigureAwait(false);
        }
    }
}
