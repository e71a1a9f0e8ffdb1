using MailCluster.Actors.Storage;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// Ids of one kind from blocks that this node has durably taken before the first of them is given: after a crash the
/// rest of a block is lost, never given twice. The next block is asked for at half of the present one.
/// </summary>
internal sealed class PostgresIds(string kind, long first, ReadPool pool)
{
    public const string Bodies = "body";
    public const string Spool = "spool";

    /// <summary>Minutes of the fastest load; there are 8 million million blocks.</summary>
    public const long Block = 1 << 20;

    private readonly Lock _gate = new();
    private long _next = first;
    private long _end = first + Block;
    private long _following;
    private bool _asked;

    public static async ValueTask<long> LeaseAsync(
        NpgsqlConnection connection, string kind, CancellationToken cancellationToken)
    {
        await using var lease = new NpgsqlCommand(
            "UPDATE id_block SET next = next + $1 WHERE kind = $2 RETURNING next - $1", connection)
        {
            Parameters = { new() { Value = Block }, new() { Value = kind } },
        };
        return (long)(await lease.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <exception cref="StoreUnavailableException">No block could be had for half a million ids.</exception>
    public long Next()
    {
        long id;
        bool ask;
        lock (_gate)
        {
            if (_next == _end)
            {
                if (_following == 0)
                {
                    throw new StoreUnavailableException($"No {kind} id is left: the store does not write.");
                }

                _next = _following;
                _end = _following + Block;
                _following = 0;
            }

            id = _next++;
            ask = !_asked && _following == 0 && _end - _next < Block / 2;
            _asked |= ask;
        }

        if (ask)
        {
            _ = AskAsync();
        }

        return id;
    }

    private async Task AskAsync()
    {
        var block = 0L;
        try
        {
            block = await pool.ReadAsync(LeaseAsync, kind, CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // The next id asks again.
        }
        finally
        {
            lock (_gate)
            {
                _following = block;
                _asked = false;
            }
        }
    }
}
