using MailCluster.Actors.Storage;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

/// <summary>Reads pieces of bodies on a reader's connection. Never makes more of a body than what is asked
/// for.</summary>
internal static class BodyReader
{
    // By the mailbox: its rows lie together. The index of bodies would do as well, but has them on a page each.
    private const string HeadOfMessage =
        "SELECT b.octets, b.chunks, b.head FROM message m CROSS JOIN body b ON b.id = m.body "
        + "WHERE m.mailbox = ? AND m.number = ? AND +m.body = ?";

    private const string HeadOfBody = "SELECT octets, chunks, head FROM body WHERE id = ?";
    private const string SizesOfBody = "SELECT octets, chunks, length(head) FROM body WHERE id = ?";

    /// <summary>From the begin of the body; -1 when the message is not in its mailbox.</summary>
    public static int ReadMessage(Database database, long mailbox, long number, long body, Span<byte> destination)
    {
        var statement = database.Get(HeadOfMessage);
        statement.Bind(1, mailbox);
        statement.Bind(2, number);
        statement.Bind(3, body);
        return ReadHead(database, statement, body, destination, -1);
    }

    /// <summary>How many of the first messages were there and fitted, each whole.</summary>
    public static int ReadAhead(
        Database database, long mailbox, ReadOnlySpan<MessageEntry> entries, Span<byte> destination)
    {
        // One transaction: each takes a lock in the file, and after a commit of the writer it begins with an empty
        // cache.
        database.Get("BEGIN").Run();
        try
        {
            var count = 0;
            foreach (var entry in entries)
            {
                var octets = (int)Math.Min(entry.Octets, int.MaxValue);
                if (octets > destination.Length
                    || ReadMessage(
                        database, mailbox, entry.Number.Value, entry.Body.Value, destination[..octets]) != octets)
                {
                    break;
                }

                destination = destination[octets..];
                count++;
            }

            return count;
        }
        finally
        {
            database.Rollback();
        }
    }

    /// <exception cref="StoreUnavailableException">The body is not there: its message is gone for longer than
    /// it is kept.</exception>
    public static int Read(Database database, long body, long offset, Span<byte> destination)
    {
        if (offset == 0)
        {
            var head = database.Get(HeadOfBody);
            head.Bind(1, body);
            return ReadHead(database, head, body, destination, null);
        }

        var statement = database.Get(SizesOfBody);
        statement.Bind(1, body);
        if (!statement.Step())
        {
            statement.Reset();
            throw Missing(body);
        }

        var octets = statement.Long(0);
        var headOctets = statement.Long(2);
        statement.Reset();
        return ReadPieces(database, body, offset, octets, headOctets, destination);
    }

    private static int ReadHead(Database database, Statement statement, long body, Span<byte> destination, int? absent)
    {
        if (!statement.Step())
        {
            statement.Reset();
            return absent ?? throw Missing(body);
        }

        var octets = statement.Long(0);
        var head = statement.Blob(2);
        var headOctets = head.Length;
        var taken = Math.Min(headOctets, destination.Length);
        head[..taken].CopyTo(destination);
        statement.Reset();
        return taken == destination.Length || octets == headOctets
            ? taken
            : taken + ReadPieces(database, body, taken, octets, headOctets, destination[taken..]);
    }

    private static int ReadPieces(
        Database database, long body, long offset, long octets, long headOctets, Span<byte> destination)
    {
        var done = 0;
        while (done < destination.Length && offset < octets)
        {
            var rest = destination[done..];
            int taken;
            if (offset < headOctets)
            {
                taken = (int)Math.Min(rest.Length, headOctets - offset);
                Take(database, "body", "head", body, (int)offset, rest[..taken]);
            }
            else
            {
                var staged = offset - headOctets;
                var within = (int)(staged % BodyLayout.ChunkOctets);
                taken = (int)Math.Min(Math.Min(rest.Length, octets - offset), BodyLayout.ChunkOctets - within);
                var row = (body << UnitWriter.ChunkShift) + (staged / BodyLayout.ChunkOctets) + 1;
                Take(database, "body_chunk", "octets", row, within, rest[..taken]);
            }

            done += taken;
            offset += taken;
        }

        return done;
    }

    private static void Take(Database database, string table, string column, long row, int offset,
        Span<byte> destination)
    {
        if (!database.ReadBlob(table, column, row, offset, destination))
        {
            throw Missing(row);
        }
    }

    private static StoreUnavailableException Missing(long body) => new($"Body {body} is not in the store.");
}
