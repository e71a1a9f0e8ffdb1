using System.Collections.Concurrent;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Storage.Postgres;
using MailCluster.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>
/// PostgreSQL, a database of its own on the assembly's server. A crash ends the node's connections on the server's
/// side, as a node's death does; the next open is another start of the node, and the one before is fenced.
/// </summary>
public sealed class PostgresEngine : IStoreEngine
{
    public const string Template = "mailcluster_template";

    // Tests share the machine with others: a server that is slow is not away.
    private static readonly PostgresStoreOptions Patient = new() { Silence = TimeSpan.FromSeconds(30) };

    private readonly QuietMeters _meters = new();
    private readonly PostgresServer? _server;
    private string? _connection;
    private NodePeer _node;

    /// <param name="server">Null: the one of the assembly.</param>
    public PostgresEngine(PostgresServer? server = null)
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        _server = server;
    }

    public PostgresServer Server => _server ?? PostgresServer.Shared;

    public long NativeOctets => 0;

    public Func<PostgresStoreOptions, PostgresStoreOptions> Configure { get; set; } = options => options;

    /// <summary>Another way to the database, such as through a proxy.</summary>
    public Func<string, string> Route { get; set; } = connection => connection;

    /// <summary>What the store logs.</summary>
    public CollectedLog Log { get; } = new();

    /// <summary>Of the last open.</summary>
    public NodePeer Node => _node;

    public async Task<string> ConnectionAsync() => _connection ??= await Server.NewDatabaseAsync(
        Template, async connection =>
            _ = await PostgresDatabase.OpenAsync(
                connection, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None));

    public async Task<IMailStore> OpenAsync(TimeProvider time) => await OpenPostgresAsync(time);

    /// <param name="node">The same name is the same node in another start.</param>
    public async Task<PostgresMailStore> OpenPostgresAsync(TimeProvider time, string node = "a")
    {
        var database = await PostgresDatabase.OpenAsync(
            Route(await ConnectionAsync()), time, NullLoggerFactory.Instance, CancellationToken.None);
        _node = await JoinAsync(node);
        return await PostgresMailStore.OpenAsync(
            database, _node, Configure(Patient), time, Log, _meters,
            CancellationToken.None);
    }

    /// <summary>A node that is up, as membership would have it.</summary>
    public async Task<NodePeer> JoinAsync(string name)
    {
        await using var source = NpgsqlDataSource.Create(await ConnectionAsync());
        await using var join = source.CreateCommand(
            "INSERT INTO node (name, incarnation, address, state, lease_until, version, wire_version) "
            + "VALUES ($1, nextval('incarnation'), '127.0.0.1:1', 1, now() + interval '1 hour', 'test', 1) "
            + "ON CONFLICT (name) DO UPDATE SET incarnation = EXCLUDED.incarnation, state = 1 "
            + "RETURNING id, incarnation");
        join.Parameters.Add(new NpgsqlParameter { Value = name });
        await using var row = await join.ExecuteReaderAsync();
        await row.ReadAsync();
        return new NodePeer(new NodeId(row.GetInt32(0)), new Incarnation(row.GetInt64(1)));
    }

    /// <summary>One statement in the database, beside the store.</summary>
    public async Task<object?> ExecuteAsync(string statement)
    {
        var target = new NpgsqlConnectionStringBuilder(await ConnectionAsync());
        return await Server.ExecuteAsync(statement, target.Database!);
    }

    public void Crash()
    {
        var database = new NpgsqlConnectionStringBuilder(_connection!).Database;
        var name = PostgresMailStore.ApplicationName(_node);
        _ = Server.ExecuteAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            + $"WHERE datname = '{database}' AND application_name = '{name}'").GetAwaiter().GetResult();
        _ = Server.ExecuteAsync(
            $"UPDATE node SET incarnation = nextval('incarnation') WHERE id = {Id()}", database!)
            .GetAwaiter().GetResult();
    }

    public Task<int> SweepAsync(IMailStore store) =>
        ((PostgresMailStore)store).Sweeper.SweepAsync(CancellationToken.None);

    public void Dispose()
    {
        _meters.Dispose();
        if (_connection is not null)
        {
            var database = new NpgsqlConnectionStringBuilder(_connection).Database;
            NpgsqlConnection.ClearAllPools();
            if (Server.Processes.Count > 0)
            {
                _ = Server.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)").GetAwaiter().GetResult();
            }
        }
    }

    private string Id() => _node.Id.Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Lines of a log, for the message of a test that fails.</summary>
public sealed class CollectedLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<string> _lines = [];

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }

    public override string ToString() => string.Join('\n', _lines);
}
