using System.Diagnostics.Metrics;
using System.Globalization;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.History;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>The store of one node of a cluster on PostgreSQL.</summary>
public sealed class PostgresMailStore : IMailStore, IFenceTaker
{
    private static readonly TimeSpan CountInterval = TimeSpan.FromSeconds(10);

    private readonly PostgresDatabase _database;
    private readonly PostgresStoreOptions _options;
    private readonly SemaphoreSlim _taking = new(1, 1);
    private readonly List<LaneWriter> _writers = [];
    private readonly Availability _availability;
    private readonly CommitQueue _queue;
    private readonly SpoolCount _spool = new();
    private readonly StorageMetrics _metrics;
    private readonly TimeProvider _time;
    private NpgsqlDataSource _lanes = null!;
    private NpgsqlDataSource _reads = null!;
    private NodePeer _node;
    private ReadPool? _pool;
    private ChangeFeed _feed = null!;
    private PostgresSweeper? _sweeper;
    private PositionKeeper? _keeper;
    private long _counted;

    private PostgresMailStore(
        PostgresDatabase database, PostgresStoreOptions options, TimeProvider time, ILogger log, IMeterFactory meters)
    {
        _database = database;
        _options = options;
        _time = time;
        _metrics = new StorageMetrics(meters);
        _availability = new Availability(time, log);
        _queue = new CommitQueue(options, _metrics);
        _metrics.ObserveLane(() => _queue.Octets);
    }

    public ICommitter Committer => _queue;

    public IMailboxStore Mailboxes { get; private set; } = null!;

    public IBodyStore Bodies { get; private set; } = null!;

    public IDirectoryStore Directory { get; private set; } = null!;

    public ISpoolStore Spool { get; private set; } = null!;

    public IQuotaStore Quotas { get; private set; } = null!;

    public string? Fault => _availability.Fault;

    public bool IsAway => _availability.IsAway;

    public long ReusableOctets => 0;

    internal PostgresSweeper Sweeper => _sweeper!;

    /// <summary>
    /// The name that connections of a start of a node have: who takes its place ends those first.
    /// </summary>
    public static string ApplicationName(NodePeer node) => string.Create(
        CultureInfo.InvariantCulture, $"mailcluster/{node.Id.Value}/{node.Incarnation.Value}");

    /// <param name="fence">As this node joined: what it writes is refused when it has lost that place.</param>
    /// <exception cref="StoreOpenException">The database cannot be written to.</exception>
    public static async Task<PostgresMailStore> OpenAsync(
        PostgresDatabase database, NodePeer fence, PostgresStoreOptions options, TimeProvider time,
        ILoggerFactory log, IMeterFactory meters, CancellationToken cancellationToken)
    {
        var logger = log.CreateLogger("MailCluster.Store");
        var store = new PostgresMailStore(database, options, time, logger, meters);
        try
        {
            await store.StartAsync(fence, logger, cancellationToken).ConfigureAwait(false);
            return store;
        }
        catch (Exception thrown) when (
            PostgresErrors.IsOfDatabase(thrown) || thrown is StoreUnavailableException or TimeoutException)
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw new StoreOpenException(
                $"The database {database.Place} cannot be used: {PostgresErrors.Text(thrown)}", thrown);
        }
        catch (StoreOpenException)
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>From now on the data directory knows how far this node has committed. Once, after the open.</summary>
    public void Remember(PostgresHistory history) => _keeper = new PositionKeeper(
        history.File,
        new StorePosition(history.Current, history.Node, _node.Id.Value, 0, default),
        () => _writers.Sum(static writer => writer.Position),
        _time);

    /// <summary>Commits what is complete, as far as the database takes it; the rest fails.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_sweeper is not null)
        {
            await _sweeper.DisposeAsync().ConfigureAwait(false);
        }

        _queue.Close();
        foreach (var writer in _writers)
        {
            await writer.DisposeAsync().ConfigureAwait(false);
        }

        if (_keeper is not null)
        {
            await _keeper.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var entry in _queue.Drain())
        {
            entry.Unit.End(CommitOutcome.StoreFailed);
        }

        if (_feed is not null)
        {
            await _feed.DisposeAsync().ConfigureAwait(false);
        }

        _pool?.Dispose();
        await _lanes.DisposeAsync().ConfigureAwait(false);
        await _reads.DisposeAsync().ConfigureAwait(false);
        _taking.Dispose();

        _metrics.Dispose();
    }

    /// <summary>
    /// Everything is done under another start of the node from the completion on: connections have its name, commits
    /// are refused when it has lost its place. What is under way ends before.
    /// </summary>
    public async Task TakeAsync(NodePeer peer)
    {
        await _taking.WaitAsync().ConfigureAwait(false);
        try
        {
            if (peer == _node)
            {
                return;
            }

            if (peer.Id != _node.Id)
            {
                _availability.SetBack(
                    $"The database has lost this node's row: it was restored. {StoreHistory.Remedy}");
            }

            var (lanes, reads) = (_lanes, _reads);
            CreateSources(peer);
            await Task.WhenAll(_writers.Select(writer => writer.TakeAsync(_lanes, peer))).ConfigureAwait(false);
            _feed.Take(_lanes);
            _pool!.Take(_reads);
            _node = peer;
            _availability.NodeTaken();
            await lanes.DisposeAsync().ConfigureAwait(false);
            await reads.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _taking.Release();
        }
    }

    private void CreateSources(NodePeer node)
    {
        var silence = (int)Math.Ceiling(_options.Silence.TotalSeconds);
        var name = ApplicationName(node);
        _lanes = _database.CreateSource(name, settings =>
        {
            settings.Pooling = false;
            settings.Timeout = silence;
            settings.CommandTimeout = silence;
        });
        _reads = _database.CreateSource(name, settings =>
        {
            settings.MinPoolSize = 0;
            settings.MaxPoolSize = _options.ReadConnections;
            settings.Timeout = silence;
            settings.CommandTimeout = silence;
            settings.MaxAutoPrepare = 48;
            settings.AutoPrepareMinUsages = 3;
        });
    }

    private async Task StartAsync(NodePeer fence, ILogger log, CancellationToken cancellationToken)
    {
        var options = _options;
        CreateSources(fence);
        _node = fence;
        var surroundings = new WriterSurroundings(options, _queue, _availability, _spool, _time, log, _metrics);
        for (var lane = 0; lane < options.CommitConnections; lane++)
        {
            var batch = new CommitBatch();
            var number = lane;
            var connection = new CommitConnection(
                () => new CommitStatements(
                    batch.Columns, number, options.TombstonesPerMailbox,
                    (int)Math.Ceiling(options.Silence.TotalSeconds)),
                lane, options.Silence);
            var writer = new LaneWriter(lane, batch, connection, surroundings);
            _writers.Add(writer);
            if (await writer.OpenAsync(_lanes, fence).ConfigureAwait(false) is { } fault)
            {
                throw new StoreOpenException($"The database {_database.Place} takes no commits: {fault}");
            }
        }

        var pool = new ReadPool(_reads, options, _availability, _metrics);
        _pool = pool;
        var feed = new ChangeFeed(_lanes, ApplicationName(fence), _availability, options, BeatAsync, log);
        _feed = feed;
        var bodies = await pool.ReadAsync(PostgresIds.LeaseAsync, PostgresIds.Bodies, cancellationToken)
            .ConfigureAwait(false);
        var spooled = await pool.ReadAsync(PostgresIds.LeaseAsync, PostgresIds.Spool, cancellationToken)
            .ConfigureAwait(false);
        Mailboxes = new PostgresMailboxStore(pool);
        Bodies = new PostgresBodyStore(pool, new PostgresIds(PostgresIds.Bodies, bodies, pool));
        Directory = new PostgresDirectoryStore(pool, feed, _time);
        Spool = new PostgresSpoolStore(pool, new PostgresIds(PostgresIds.Spool, spooled, pool), _spool);
        Quotas = new PostgresQuotaStore(pool, feed);
        await feed.StartAsync().ConfigureAwait(false);
        _sweeper = new PostgresSweeper(pool, options, _time, log, _metrics);
        foreach (var writer in _writers)
        {
            writer.Start();
        }
    }

    private async Task BeatAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_counted != 0 && _time.GetElapsedTime(_counted) < CountInterval)
        {
            _ = await Sql.ScalarAsync<int>(connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
            return;
        }

        var mark = _spool.Mark();
        var count = await Sql.ScalarAsync<long>(connection, "SELECT count(*) FROM spool", cancellationToken)
            .ConfigureAwait(false);
        _spool.Counted(count, mark);
        _counted = _time.GetTimestamp();
    }
}
