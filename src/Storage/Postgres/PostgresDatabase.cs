using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// A database that was found, is ours and has the schema of this program. Makes the sources of connections that
/// membership and the mail store use.
/// </summary>
public sealed class PostgresDatabase
{
    private const int OldestVersion = 150_000;
    private const int MigrationSeconds = 600;
    private const int ConnectAttempts = 4;
    private const int ConnectSeconds = 4;
    private static readonly TimeSpan s_betweenAttempts = TimeSpan.FromSeconds(1);

    private readonly NpgsqlConnectionStringBuilder _connection;

    private PostgresDatabase(NpgsqlConnectionStringBuilder connection, string place)
    {
        _connection = connection;
        Place = place;
    }

    /// <summary>host:port/database, for people.</summary>
    public string Place { get; }

    /// <summary>What an administrator should know of the server's settings, each in a sentence.</summary>
    public ImmutableArray<string> Advice { get; private set; } = [];

    /// <summary>Scripts that this opening applied.</summary>
    public int Migrations { get; private set; }

    /// <summary>Made with the database: what all nodes derive alike from it nobody else can.</summary>
    public ImmutableArray<byte> Secret { get; private set; } = [];

    public string ServerVersion { get; private set; } = "";

    /// <exception cref="StoreOpenException">Says what is wrong and where; never the password.</exception>
    public static async Task<PostgresDatabase> OpenAsync(
        string connectionString, TimeProvider time, ILoggerFactory log, CancellationToken cancellationToken)
    {
        var connection = Parse(connectionString);
        var place = PlaceOf(connection);
        var database = new PostgresDatabase(connection, place);
        var logger = log.CreateLogger("MailCluster.Store");
        try
        {
            await using var source = database.CreateSource("mailcluster/start", settings =>
            {
                settings.Pooling = false;
                settings.CommandTimeout = MigrationSeconds;
                settings.Timeout = ConnectSeconds;
            });
            await using var opened = await ConnectAsync(source, place, time, logger, cancellationToken)
                .ConfigureAwait(false);
            await database.InspectAsync(opened, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception thrown) when (Refusal(thrown, connection, place) is { } refusal)
        {
            throw new StoreOpenException(refusal, thrown);
        }

        PostgresLog.Opened(logger, place, database.ServerVersion, database.Migrations);
        foreach (var advice in database.Advice)
        {
            PostgresLog.Advice(logger, advice);
        }

        return database;
    }

    /// <summary>
    /// Connections to a server that takes writes. Times, names and keep-alives are this program's, whatever the
    /// connection string says; <paramref name="change"/> has the last word.
    /// </summary>
    public NpgsqlDataSource CreateSource(
        string applicationName, Action<NpgsqlConnectionStringBuilder>? change = null)
    {
        var settings = new NpgsqlConnectionStringBuilder(_connection.ConnectionString)
        {
            ApplicationName = applicationName,
            IncludeErrorDetail = false,
            Enlist = false,
            Multiplexing = false,
            NoResetOnClose = true,
            TcpKeepAlive = true,
            TcpKeepAliveTime = 2,
            TcpKeepAliveInterval = 1,

            // Nobody waits for an answer to a cancellation: a silent database is left, and asked anew.
            CancellationTimeout = -1,
        };
        change?.Invoke(settings);
        if (!settings.Host!.Contains(',', StringComparison.Ordinal))
        {
            return new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
        }

        settings.HostRecheckSeconds = 1;
        return new NpgsqlDataSourceBuilder(settings.ConnectionString)
            .BuildMultiHost()
            .WithTargetSession(TargetSessionAttributes.ReadWrite);
    }

    /// <summary>
    /// A node is often started together with its database, or while that moves to another server: what passes is
    /// waited for. Attempts are counted, not timed, so a machine that was stopped in between has them all the same.
    /// </summary>
    private static async Task<NpgsqlConnection> ConnectAsync(
        NpgsqlDataSource source, string place, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (NpgsqlException thrown) when (attempt < ConnectAttempts
                && (thrown.IsTransient || thrown.InnerException is AggregateException))
            {
                PostgresLog.NotReached(logger, place, attempt, ConnectAttempts, PostgresErrors.Text(thrown));
            }

            await Task.Delay(s_betweenAttempts, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        NpgsqlConnectionStringBuilder connection;
        try
        {
            connection = new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (Exception thrown) when (thrown is ArgumentException or FormatException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new StoreOpenException(
                $"Store.ConnectionString cannot be read: {thrown.Message} "
                    + "It looks like Host=db.example.net;Database=mailcluster;Username=mailcluster;Password=…",
                thrown);
        }

        if (string.IsNullOrEmpty(connection.Host) || string.IsNullOrEmpty(connection.Database))
        {
            throw new StoreOpenException(
                "Store.ConnectionString names no " + (string.IsNullOrEmpty(connection.Host) ? "Host." : "Database."));
        }

        if (connection.TargetSessionAttributes is not (null or "any" or "primary" or "read-write" or "prefer-primary"))
        {
            throw new StoreOpenException(
                $"Store.ConnectionString has Target Session Attributes={connection.TargetSessionAttributes}: "
                    + "the store needs a server that takes writes. Leave it out.");
        }

        // Which server it is to be is ours to say.
        _ = connection.Remove("Target Session Attributes");
        return connection;
    }

    private static string PlaceOf(NpgsqlConnectionStringBuilder connection)
    {
        var hosts = connection.Host!.Split(',').Select(host =>
            host.Contains(':', StringComparison.Ordinal) || host.StartsWith('/')
                ? host
                : string.Create(CultureInfo.InvariantCulture, $"{host}:{connection.Port}"));
        return $"{string.Join(',', hosts)}/{connection.Database}";
    }

    /// <summary>Null: not the database's doing.</summary>
    private static string? Refusal(Exception thrown, NpgsqlConnectionStringBuilder connection, string place) =>
        thrown switch
        {
            StoreOpenException => null,
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } =>
                $"The database {place} does not accept the password of user {connection.Username}.",
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } error =>
                $"The database {place} does not let user {connection.Username} in: {error.MessageText}. "
                    + "See pg_hba.conf.",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
                $"The server of {place} has no database of this name. Create it: "
                    + $"CREATE DATABASE {connection.Database} OWNER {connection.Username} ENCODING 'UTF8'",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } error =>
                $"User {connection.Username} may not make tables in {place}: {error.MessageText}. "
                    + "Make it the owner of the database.",
            PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } =>
                $"The server of {place} takes no writes: it is a standby. Name the primary, or all of them.",
            PostgresException error => $"The database {place} refuses: {PostgresErrors.Text(error)}.",
            NpgsqlException { InnerException: SocketException or TimeoutException or IOException } =>
                $"The database {place} cannot be reached: {PostgresErrors.Text(thrown)}",
            NpgsqlException when connection.Password is null && connection.Passfile is null
                && thrown.Message.Contains("assword", StringComparison.Ordinal) =>
                $"The database {place} asks for a password of user {connection.Username}, and none is set.",
            NpgsqlException or SocketException or TimeoutException or IOException or ArgumentException
                or NotSupportedException or InvalidOperationException =>
                $"The database {place} cannot be opened: {PostgresErrors.Text(thrown)}",
            _ => null,
        };

    private async Task InspectAsync(
        NpgsqlConnection connection, TimeProvider time, CancellationToken cancellationToken)
    {
        await using (var command = new NpgsqlCommand(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
            + "current_setting('transaction_read_only'), current_setting('fsync'), "
            + "current_setting('synchronous_commit'), current_setting('full_page_writes'), "
            + "current_setting('synchronous_standby_names'), current_setting('server_version')",
            connection))
        await using (var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            _ = await row.ReadAsync(cancellationToken).ConfigureAwait(false);
            ServerVersion = row.GetString(7);
            if (row.GetInt32(0) < OldestVersion)
            {
                throw new StoreOpenException(
                    $"The server of {Place} is PostgreSQL {ServerVersion}; 15 or newer is needed.");
            }

            if (row.GetString(1) != "UTF8")
            {
                throw new StoreOpenException(
                    $"The database {Place} has the encoding {row.GetString(1)}. Create it with ENCODING 'UTF8'.");
            }

            if (row.GetString(2) == "on")
            {
                throw new StoreOpenException(
                    $"The server of {Place} takes no writes: it is a standby. Name the primary, or all of them.");
            }

            Advice = AdviceOn(row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6));
        }

        Migrations = await PostgresMigrator.RunAsync(connection, Place, time.GetUtcNow(), cancellationToken)
            .ConfigureAwait(false);
        Secret = [.. (await Sql.ScalarAsync<byte[]>(
            connection, "SELECT secret FROM cluster_version", cancellationToken).ConfigureAwait(false))!];
    }

    private static ImmutableArray<string> AdviceOn(
        string fsync, string synchronousCommit, string fullPageWrites, string standbys)
    {
        var advice = ImmutableArray.CreateBuilder<string>();
        if (fsync == "off")
        {
            advice.Add("PostgreSQL has fsync off: mail that was acknowledged is lost with the power.");
        }

        if (fullPageWrites == "off")
        {
            advice.Add("PostgreSQL has full_page_writes off: the database may be damaged when the power fails.");
        }

        if (synchronousCommit == "off")
        {
            advice.Add("PostgreSQL has synchronous_commit off: mail that was acknowledged is lost in a crash.");
        }

        if (standbys.Length == 0)
        {
            advice.Add(
                "PostgreSQL has no synchronous_standby_names: mail that was acknowledged last may be lost when a "
                    + "standby takes over.");
        }
        else if (synchronousCommit == "local")
        {
            advice.Add(
                "PostgreSQL has synchronous_commit local: no standby is waited for, so mail that was acknowledged "
                    + "last may be lost when one takes over.");
        }

        return advice.ToImmutable();
    }
}
