using System.Data;
using System.Globalization;
using MailCluster.Shared.Cluster;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>How one attempt to write a batch ended.</summary>
internal abstract record CommitAttempt
{
    private CommitAttempt()
    {
    }

    public sealed record Committed : CommitAttempt;

    /// <summary>A unit of the batch contradicts what is stored.</summary>
    public sealed record Refused(string Reason) : CommitAttempt;

    /// <summary>Shards of the batch have another home, or had when its units were decided.</summary>
    public sealed record ShardsLost(IReadOnlyList<ShardId> Shards) : CommitAttempt;

    public sealed record NodeLost : CommitAttempt;

    /// <summary>Another transaction was in the way.</summary>
    public sealed record Again(string Reason) : CommitAttempt;

    /// <summary>Nothing was written.</summary>
    public sealed record Failed(string Reason, bool IsOutOfSpace = false) : CommitAttempt;

    /// <summary>The answer was lost: it may be written, or be written any moment.</summary>
    /// <param name="IsOfUnit">It broke on what a unit wants to write.</param>
    public sealed record Unknown(string Reason, bool IsOfUnit = false) : CommitAttempt;
}

/// <summary>
/// The one connection of a lane, made anew when it breaks, and the token by which a commit whose answer was lost is
/// found. For one caller at a time.
/// </summary>
/// <param name="statements">Anew for each connection: they know what is prepared on theirs.</param>
internal sealed class CommitConnection(Func<CommitStatements> statements, int lane, TimeSpan silence)
    : IAsyncDisposable
{
    // Plans are made once, when tables may still be empty: then the planner would choose to read them whole.
    private const string Settings =
        "SET idle_in_transaction_session_timeout = 1000; SET lock_timeout = 1500; SET statement_timeout = 0; "
        + "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; "
        + "SET enable_mergejoin = off; SET jit = off";

    private NpgsqlDataSource _source = null!;
    private NodePeer _node;
    private CommitStatements? _statements;
    private NpgsqlConnection? _connection;
    private long _token;
    private long _looked;
    private long _position;

    /// <summary>The last commit that is known to be in. From any thread.</summary>
    public long Position => Volatile.Read(ref _position);

    /// <summary>Null: it holds all that was committed here. Otherwise what the database has lost. For good.</summary>
    public string? SetBack { get; private set; }

    /// <summary>Before the first use, and between two commits: as whom and on which connections it goes on.</summary>
    public async Task TakeAsync(NpgsqlDataSource source, NodePeer node)
    {
        await CloseAsync().ConfigureAwait(false);
        _source = source;
        _node = node;
    }

    /// <summary>Null: it is open. Otherwise why not.</summary>
    public async Task<string?> OpenAsync()
    {
        if (_connection is not null || SetBack is not null)
        {
            return SetBack;
        }

        var opened = await ConnectAsync().ConfigureAwait(false);
        if (opened.Connection is null)
        {
            return opened.Fault;
        }

        try
        {
            await using var take = new NpgsqlCommand(CommitSql.OpenToken, opened.Connection)
            {
                Parameters = { new() { Value = _node.Id.Value }, new() { Value = lane } },
            };
            await using (var row = await take.ExecuteReaderAsync().ConfigureAwait(false))
            {
                _ = await row.ReadAsync().ConfigureAwait(false);
                _token = row.GetInt64(0);
                _looked = row.GetInt64(1);
            }

            if (!Knows(_token))
            {
                await opened.Connection.DisposeAsync().ConfigureAwait(false);
                return SetBack;
            }

            Use(opened.Connection, opened.Statements!);
            return null;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            await opened.Connection.DisposeAsync().ConfigureAwait(false);
            return PostgresErrors.Text(thrown);
        }
    }

    public async Task<CommitAttempt> CommitAsync(long now)
    {
        try
        {
            await _statements!.ExecuteAsync(_token + 1, _looked, now).ConfigureAwait(false);
            _token++;
            Volatile.Write(ref _position, _token);
            return new CommitAttempt.Committed();
        }
        catch (PostgresException error) when (!PostgresErrors.EndsConnection(error))
        {
            // An error that the server tells of has undone the transaction, also one at its very end. The driver leaves
            // the connection after some (resources, defects).
            if (_connection!.FullState != ConnectionState.Open)
            {
                await CloseAsync().ConfigureAwait(false);
            }

            return Judge(error);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction)
        {
            await CloseAsync().ConfigureAwait(false);
            return new CommitAttempt.Failed(PostgresErrors.Text(error));
        }
        catch (Exception thrown)
        {
            // What is not of the database is a value that cannot be sent; what stands before it may be under way.
            await CloseAsync().ConfigureAwait(false);
            return new CommitAttempt.Unknown(PostgresErrors.Text(thrown), !PostgresErrors.IsOfDatabase(thrown));
        }
    }

    /// <summary>
    /// Whether the last batch is in. Its row is locked while it is under way, so the answer waits for it; from then on
    /// the old connection cannot commit any more. Null: the database cannot tell now, or, when it was set back, never.
    /// </summary>
    public async Task<bool?> LookUpAsync()
    {
        var (connection, prepared, _) = await ConnectAsync().ConfigureAwait(false);
        if (connection is null)
        {
            return null;
        }

        try
        {
            await using var batch = new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    new(CommitSql.FindToken)
                    {
                        Parameters = { new() { Value = _node.Id.Value }, new() { Value = lane } },
                    },
                    new(CommitSql.Look)
                    {
                        Parameters = { new() { Value = _node.Id.Value }, new() { Value = lane } },
                    },
                },
            };
            var (token, looked) = (-1L, 0L);
            await using (var row = await batch.ExecuteReaderAsync().ConfigureAwait(false))
            {
                if (await row.ReadAsync().ConfigureAwait(false))
                {
                    (token, looked) = (row.GetInt64(0), row.GetInt64(1));
                }

                _ = await row.NextResultAsync().ConfigureAwait(false);
            }

            if (!Knows(token))
            {
                await connection.DisposeAsync().ConfigureAwait(false);
                return null;
            }

            var isIn = token == _token + 1;
            _token = token;
            _looked = looked + 1;
            Use(connection, prepared!);
            return isIn;
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown))
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            return null;
        }
    }

    public async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _statements?.Dispose();
    }

    /// <summary>
    /// False: a standby that was behind has taken over, or a backup was put under the running node. Looking wrote to
    /// the row, so what was found is as durable as any commit.
    /// </summary>
    private bool Knows(long token)
    {
        if (token < _position)
        {
            SetBack = string.Create(
                CultureInfo.InvariantCulture,
                $"The database has lost commits: lane {lane} has made {_position}, the database holds "
                    + $"{Math.Max(token, 0)}. A standby that was behind has taken over, or a backup was restored. "
                    + $"{History.StoreHistory.Remedy}");
            return false;
        }

        Volatile.Write(ref _position, token);
        return true;
    }

    private static CommitAttempt Judge(PostgresException error) => error.SqlState switch
    {
        PostgresErrors.NodeLost => new CommitAttempt.NodeLost(),
        PostgresErrors.ShardsLost => new CommitAttempt.ShardsLost([.. error.MessageText.Split(' ').Select(Parse)]),
        PostgresErrors.LaneLost => new CommitAttempt.Unknown(error.MessageText),
        _ when PostgresErrors.IsOutOfSpace(error) => new CommitAttempt.Failed(PostgresErrors.Text(error), true),
        _ when PostgresErrors.IsPassing(error) => new CommitAttempt.Again(PostgresErrors.Text(error)),
        _ when PostgresErrors.IsOfWriter(error) => new CommitAttempt.Refused(error.MessageText),
        _ => new CommitAttempt.Failed(PostgresErrors.Text(error)),
    };

    private static ShardId Parse(string shard)
    {
        var slash = shard.IndexOf('/', StringComparison.Ordinal);
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        return new(int.Parse(shard.AsSpan(0, slash), culture), int.Parse(shard.AsSpan(slash + 1), culture));
    }

    private void Use(NpgsqlConnection connection, CommitStatements prepared)
    {
        _connection = connection;
        _statements?.Dispose();
        _statements = prepared;
        _statements.WriteAs(_node);
    }

    private async Task<(NpgsqlConnection? Connection, CommitStatements? Statements, string? Fault)> ConnectAsync()
    {
        NpgsqlConnection? connection = null;
        CommitStatements? prepared = null;
        try
        {
            using var patience = new CancellationTokenSource(silence * 2);
            connection = _source.CreateConnection();
            await connection.OpenAsync(patience.Token).ConfigureAwait(false);
            await using var settings = new NpgsqlCommand(Settings, connection);
            _ = await settings.ExecuteNonQueryAsync(patience.Token).ConfigureAwait(false);
            prepared = statements();
            await prepared.PrepareAsync(connection, patience.Token).ConfigureAwait(false);
            return (connection, prepared, null);
        }
        catch (Exception thrown) when (PostgresErrors.IsOfDatabase(thrown) || thrown is OperationCanceledException)
        {
            prepared?.Dispose();
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            return (null, null, PostgresErrors.Text(thrown));
        }
    }
}
