using System.Data;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>Pieces of bodies, never more of one than is asked for; nothing is held between two reads.</summary>
internal sealed class PostgresBodyStore(ReadPool pool, PostgresIds ids) : IBodyStore
{
    private const string HeadOfMessage =
        "SELECT b.octets, octet_length(b.head), b.chunks, substr(b.head, 1, $4) FROM message m "
        + "JOIN body b ON b.id = m.body WHERE m.mailbox = $1 AND m.number = $2 AND m.body = $3";

    private const string HeadOfBody =
        "SELECT octets, octet_length(head), chunks, substr(head, ($2 + 1)::int, $3) FROM body WHERE id = $1";

    private static readonly string s_chunks = string.Create(CultureInfo.InvariantCulture,
        $"SELECT substr(octets, greatest(0, $2 - (sequence - 1) * {BodyLayout.ChunkOctets}::bigint)::int + 1, "
        + $"(least({BodyLayout.ChunkOctets}, $2 + $3 - (sequence - 1) * {BodyLayout.ChunkOctets}::bigint) "
        + $"- greatest(0, $2 - (sequence - 1) * {BodyLayout.ChunkOctets}::bigint))::int) "
        + $"FROM body_chunk WHERE body = $1 AND sequence BETWEEN $4 AND $5 ORDER BY sequence");

    public BodyId NextId() => new(ids.Next());

    public ValueTask<int> ReadAsync(
        BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return pool.ReadAsync(
            ReadBodyAsync, new Piece(default, default, body.Value, offset, destination), cancellationToken);
    }

    public ValueTask<bool> ExistsAsync(BodyId body, CancellationToken cancellationToken) =>
        pool.ReadAsync(
            static (connection, id, stop) => Sql.ScalarAsync<bool>(
                connection, "SELECT EXISTS (SELECT FROM body WHERE id = $1)", stop, id),
            body.Value,
            cancellationToken);

    public ValueTask<int> ReadMessageAsync(
        MailboxId mailbox, MessageNumber number, BodyId body, Memory<byte> destination,
        CancellationToken cancellationToken) =>
        pool.ReadAsync(
            ReadMessageAsync, new Piece(mailbox.Value, number.Value, body.Value, 0, destination), cancellationToken);

    private static async ValueTask<int> ReadMessageAsync(
        NpgsqlConnection connection, Piece piece, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(HeadOfMessage, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = piece.Mailbox },
                new NpgsqlParameter<long> { TypedValue = piece.Number },
                new NpgsqlParameter<long> { TypedValue = piece.Body },
                new NpgsqlParameter<int> { TypedValue = piece.Destination.Length },
            },
        };
        return await ReadHeadAsync(connection, command, piece, cancellationToken).ConfigureAwait(false) ?? -1;
    }

    /// <exception cref="StoreUnavailableException">
    /// The body is not there: its message is gone for longer than it is kept.
    /// </exception>
    private static async ValueTask<int> ReadBodyAsync(
        NpgsqlConnection connection, Piece piece, CancellationToken cancellationToken)
    {
        // Beyond what a head can be, only sizes are of interest.
        await using var command = new NpgsqlCommand(HeadOfBody, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = piece.Body },
                new NpgsqlParameter<long> { TypedValue = Math.Min(piece.Offset, int.MaxValue - 1) },
                new NpgsqlParameter<int> { TypedValue = piece.Destination.Length },
            },
        };
        return await ReadHeadAsync(connection, command, piece, cancellationToken).ConfigureAwait(false)
            ?? throw Missing(piece.Body);
    }

    /// <summary>Null: no row.</summary>
    private static async ValueTask<int?> ReadHeadAsync(
        NpgsqlConnection connection, NpgsqlCommand command, Piece piece, CancellationToken cancellationToken)
    {
        long octets;
        int head;
        int taken;
        await using (var row = await command.ExecuteReaderAsync(
            CommandBehavior.SequentialAccess | CommandBehavior.SingleRow, cancellationToken).ConfigureAwait(false))
        {
            if (!await row.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            octets = row.GetInt64(0);
            head = row.GetInt32(1);
            _ = row.GetInt32(2);
            taken = await TakeAsync(row, 3, piece.Destination, cancellationToken).ConfigureAwait(false);
        }

        var at = piece.Offset + taken;
        return taken == piece.Destination.Length || at >= octets
            ? taken
            : taken + await ReadChunksAsync(
                connection, piece.Body, at - head, (int)Math.Min(octets - at, piece.Destination.Length - taken),
                piece.Destination[taken..], cancellationToken).ConfigureAwait(false);
    }

    /// <param name="offset">From the first octet of the first chunk.</param>
    private static async ValueTask<int> ReadChunksAsync(
        NpgsqlConnection connection, long body, long offset, int length, Memory<byte> destination,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(s_chunks, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = body },
                new NpgsqlParameter<long> { TypedValue = offset },
                new NpgsqlParameter<int> { TypedValue = length },
                new NpgsqlParameter<int> { TypedValue = (int)(offset / BodyLayout.ChunkOctets) + 1 },
                new NpgsqlParameter<int> { TypedValue = (int)((offset + length - 1) / BodyLayout.ChunkOctets) + 1 },
            },
        };
        await using var rows = await command.ExecuteReaderAsync(
            CommandBehavior.SequentialAccess, cancellationToken).ConfigureAwait(false);
        var taken = 0;
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            taken += await TakeAsync(rows, 0, destination[taken..], cancellationToken).ConfigureAwait(false);
        }

        return taken == length ? taken : throw Missing(body);
    }

    private static async ValueTask<int> TakeAsync(
        NpgsqlDataReader row, int column, Memory<byte> destination, CancellationToken cancellationToken)
    {
        await using var stream = await row.GetStreamAsync(column, cancellationToken).ConfigureAwait(false);
        return await stream.ReadAtLeastAsync(
            destination, destination.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
    }

    private static StoreUnavailableException Missing(long body) => new($"Body {body} is not in the store.");

    private readonly record struct Piece(
        long Mailbox, long Number, long Body, long Offset, Memory<byte> Destination);
}
