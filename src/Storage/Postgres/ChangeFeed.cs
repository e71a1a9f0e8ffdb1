using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Changes of the directory and of limits, told by LISTEN on a connection of its own. When that was broken, something
/// may have been missed: everything is to be forgotten. It also shows, between two commits, whether the database is
/// there at all.
/// </summary>
internal sealed class ChangeFeed : IAsyncDisposable
{
    private const string DirectoryChannel = "mailcluster_directory";
    private const string QuotaChannel = "mailcluster_quota";
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    private NpgsqlDataSource _source;
    private readonly string _self;
    private readonly Availability _availability;
    private readonly PostgresStoreOptions _options;
    private readonly Func<NpgsqlConnection, CancellationToken, Task> _beat;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private bool _hasListened;

    /// <param name="self">Of this start of this node: what comes from it is known here already.</param>
    /// <param name="beat">What else is to be looked at about once a second on this connection.</param>
    public ChangeFeed(
        NpgsqlDataSource source, string self, Availability availability, PostgresStoreOptions options,
        Func<NpgsqlConnection, CancellationToken, Task> beat, ILogger log)
    {
        _source = source;
        _self = self;
        _availability = availability;
        _options = options;
        _beat = beat;
        _log = log;
    }

    public event Action<string>? DirectoryChanged;

    public event Action? QuotaChanged;

    /// <summary>Returns after the first beat and when it listens, so that nothing is missed from then on.</summary>
    public Task StartAsync()
    {
        _loop = Task.Run(RunAsync);
        return _listening.Task.WaitAsync(_options.Silence * 4);
    }

    /// <summary>From its next connection on.</summary>
    public void Take(NpgsqlDataSource source) => Volatile.Write(ref _source, source);

    /// <summary>In the transaction of the change.</summary>
    public async ValueTask TellOfDirectoryAsync(
        NpgsqlConnection connection, string domain, CancellationToken cancellationToken) =>
        _ = await Sql.RunAsync(
            connection, "SELECT pg_notify($1, $2)", cancellationToken, DirectoryChannel, $"{_self} {domain}")
            .ConfigureAwait(false);

    public async ValueTask TellOfQuotaAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        _ = await Sql.RunAsync(connection, "SELECT pg_notify($1, $2)", cancellationToken, QuotaChannel, _self + " ")
            .ConfigureAwait(false);

    public void RaiseDirectory(string domain) => Raise(() => DirectoryChanged?.Invoke(domain));

    public void RaiseQuota() => Raise(() => QuotaChanged?.Invoke());

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var pause = PauseMin;
        var wasListening = false;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = Volatile.Read(ref _source).CreateConnection();
                using (var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
                {
                    patience.CancelAfter(_options.Silence * 2);
                    await connection.OpenAsync(patience.Token).ConfigureAwait(false);
                }

                connection.Notification += (_, told) => Told(told.Channel, told.Payload);
                _ = await Sql.RunAsync(
                    connection, $"LISTEN {DirectoryChannel}; LISTEN {QuotaChannel}", _stop.Token).ConfigureAwait(false);
                await _beat(connection, _stop.Token).ConfigureAwait(false);
                pause = PauseMin;
                Listening();
                wasListening = true;
                await ListenAsync(connection).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception thrown) when (
                PostgresErrors.IsOfDatabase(thrown) || thrown is OperationCanceledException)
            {
                // One connection may break for a cause of its own; a server that does not answer is away at once.
                if (wasListening && thrown is not NpgsqlException { InnerException: TimeoutException })
                {
                    wasListening = false;
                    continue;
                }

                _availability.IsUnreachable = true;
                _availability.Fails(this, PostgresErrors.Text(thrown), isAway: true);
                wasListening = false;
                await PauseAsync(pause).ConfigureAwait(false);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, _options.ProbeInterval.Ticks));
            }
        }
    }

    private async Task ListenAsync(NpgsqlConnection connection)
    {
        while (true)
        {
            _ = await connection.WaitAsync(Heartbeat, _stop.Token).ConfigureAwait(false);
            await _beat(connection, _stop.Token).ConfigureAwait(false);
            _availability.Works(this);
        }
    }

    private void Listening()
    {
        _availability.IsUnreachable = false;
        _availability.Works(this);
        _ = _listening.TrySetResult();
        if (_hasListened)
        {
            RaiseDirectory("");
            RaiseQuota();
        }

        _hasListened = true;
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The store is closing.
        }
    }

    private void Told(string channel, string payload)
    {
        var space = payload.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || payload.AsSpan(0, space).SequenceEqual(_self))
        {
            return;
        }

        if (channel == DirectoryChannel)
        {
            RaiseDirectory(payload[(space + 1)..]);
        }
        else
        {
            RaiseQuota();
        }
    }

    private void Raise(Action raise)
    {
        try
        {
            raise();
        }
        catch (Exception thrown)
        {
            // A listener's defect must not stop the others.
            PostgresLog.ListenerThrew(_log, thrown);
        }
    }
}
