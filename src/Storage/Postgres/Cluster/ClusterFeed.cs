using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres.Cluster;

/// <summary>
/// LISTEN on a connection of its own. It only makes things faster: whoever is told looks regularly anyway, so a broken
/// connection is dialled again and little said about it.
/// </summary>
internal sealed class ClusterFeed : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly TimeSpan _pause;
    private readonly TimeSpan _silence;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Action _changed;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public ClusterFeed(
        NpgsqlDataSource source, TimeSpan lease, TimeProvider time, ILogger log, Action changed)
    {
        _source = source;
        _pause = lease / 10;
        _silence = lease;
        _time = time;
        _log = log;
        _changed = changed;
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
            catch (Exception thrown)
            {
                PostgresLog.ClusterFeedBroke(_log, PostgresErrors.Text(thrown));
                await Task.Delay(_pause, _time, _stop.Token).ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync()
    {
        await using var connection = _source.CreateConnection();
        using (var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
        {
            patience.CancelAfter(_silence);
            await connection.OpenAsync(patience.Token).ConfigureAwait(false);
        }

        connection.Notification += (_, _) => _changed();
        while (true)
        {
            // Each time: it is also how a connection that is dead without a word is noticed.
            using (var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
            {
                patience.CancelAfter(_silence);
                _ = await Sql.RunAsync(connection, $"LISTEN {ClusterSql.Channel}", patience.Token)
                    .ConfigureAwait(false);
            }

            _changed();
            _ = await connection.WaitAsync(_silence * 4, _stop.Token).ConfigureAwait(false);
        }
    }
}
