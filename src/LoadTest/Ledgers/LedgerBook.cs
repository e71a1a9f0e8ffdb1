using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>What the ledger says about one message of one user.</summary>
[Flags]
internal enum Entry
{
    None = 0,

    /// <summary>The server said 250.</summary>
    Acknowledged = 1,

    /// <summary>It was retrieved and not removed.</summary>
    Seen = 2,

    /// <summary>A QUIT that removes it was sent.</summary>
    Removing = 4,

    /// <summary>And answered with +OK.</summary>
    Removed = 8,
}

/// <summary>A ledger as it is read back. A last line that was cut by a crash is left out.</summary>
internal sealed class LedgerBook
{
    private const int LineMax = 1024 * 1024;

    private readonly HashSet<long> _acknowledged = [];

    private LedgerBook(LedgerHead head)
    {
        Head = head;
        Users = new Dictionary<long, Entry>?[head.Users];
    }

    public LedgerHead Head { get; }

    /// <summary>By user, then by number; null: nothing was noted for the user.</summary>
    public Dictionary<long, Entry>?[] Users { get; }

    /// <summary>False: the generator died, so some acknowledgements were not noted.</summary>
    public bool IsFinished { get; private set; }

    public long Acknowledged => _acknowledged.Count;

    public long RemovedCount { get; private set; }

    public bool IsAcknowledged(long number) => _acknowledged.Contains(number);

    public static LedgerBook Read(string path)
    {
        LedgerBook? book = null;
        var sessions = new Dictionary<long, (int User, long[] Numbers)>();
        var line = 0;
        try
        {
            foreach (var text in Lines(path))
            {
                line++;
                if (book is null)
                {
                    var head = JsonSerializer.Deserialize(text.Span, LedgerJson.Default.LedgerHead);
                    book = head is { Version: LedgerHead.CurrentVersion }
                        ? new LedgerBook(head)
                        : throw new JsonException($"It is of version {head?.Version}.");
                }
                else if (!book.Take(text.Span, sessions))
                {
                    throw new JsonException("The line is none of a ledger.");
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadFaultException($"The ledger {path} cannot be read: {exception.Message}");
        }
        catch (JsonException exception)
        {
            throw new LoadFaultException(
                $"{path} is not a ledger of this program: line {line}: {exception.Message} Give the file that a run named.");
        }

        return book ?? throw new LoadFaultException($"{path} is empty: the run ended before it began.");
    }

    /// <summary>The queue ids of some acknowledged messages, read from the file again.</summary>
    public static Dictionary<long, string> QueueIds(string path, IReadOnlySet<long> numbers)
    {
        var found = new Dictionary<long, string>();
        foreach (var line in Lines(path))
        {
            var text = line.Span;
            if (text.StartsWith("A "u8) && Utf8Parser.TryParse(text[2..], out long number, out var length)
                && numbers.Contains(number))
            {
                var rest = text[(3 + length)..];
                var end = rest.IndexOf((byte)' ');
                found[number] = Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]);
            }
        }

        return found;
    }

    private bool Take(ReadOnlySpan<byte> line, Dictionary<long, (int User, long[] Numbers)> sessions)
    {
        if (line.SequenceEqual("E"u8))
        {
            IsFinished = true;
            return true;
        }

        if (line.Length < 3 || line[1] != ' ')
        {
            return false;
        }

        var at = 2;
        return line[0] switch
        {
            (byte)'A' => TakeAcknowledged(line, at),
            (byte)'I' => TakeRemoving(line, at, sessions),
            (byte)'D' => TryNumber(line, ref at, out var session) && TakeRemoved(session, sessions),
            (byte)'S' => TryUser(line, ref at, out var user) && TryNumber(line, ref at, out var seen)
                && Add(user, seen, Entry.Seen),
            _ => false,
        };
    }

    private bool TakeAcknowledged(ReadOnlySpan<byte> line, int at)
    {
        if (!TryNumber(line, ref at, out var number))
        {
            return false;
        }

        var id = line[Math.Min(at, line.Length)..].IndexOf((byte)' ');
        if (id < 0)
        {
            return false; // for nobody
        }

        at += id + 1;
        _acknowledged.Add(number);
        while (at < line.Length)
        {
            if (!TryUser(line, ref at, out var user))
            {
                return false;
            }

            Add(user, number, Entry.Acknowledged);
        }

        return true;
    }

    private bool TakeRemoving(
        ReadOnlySpan<byte> line, int at, Dictionary<long, (int User, long[] Numbers)> sessions)
    {
        if (!TryNumber(line, ref at, out var session) || !TryUser(line, ref at, out var user))
        {
            return false;
        }

        var numbers = new List<long>();
        while (at < line.Length)
        {
            if (!TryNumber(line, ref at, out var number))
            {
                return false;
            }

            numbers.Add(number);
            Add(user, number, Entry.Removing);
        }

        sessions[session] = (user, [.. numbers]);
        return true;
    }

    private bool TakeRemoved(long session, Dictionary<long, (int User, long[] Numbers)> sessions)
    {
        if (!sessions.Remove(session, out var marked))
        {
            return false;
        }

        foreach (var number in marked.Numbers)
        {
            Add(marked.User, number, Entry.Removed);
            RemovedCount++;
        }

        return true;
    }

    private bool Add(int user, long number, Entry entry)
    {
        var messages = Users[user] ??= [];
        messages[number] = messages.GetValueOrDefault(number) | entry;
        return true;
    }

    private bool TryUser(ReadOnlySpan<byte> line, ref int at, out int user)
    {
        var isNumber = TryNumber(line, ref at, out var number);
        user = (int)number;
        return isNumber && number >= 0 && number < Users.Length;
    }

    private static bool TryNumber(ReadOnlySpan<byte> line, ref int at, out long number)
    {
        number = 0;
        if (at >= line.Length || !Utf8Parser.TryParse(line[at..], out number, out var length))
        {
            return false;
        }

        at += length + 1;
        return true;
    }

    /// <summary>Whole lines without their ends.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Lines(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        var buffer = new byte[64 * 1024];
        var length = 0;
        while (true)
        {
            var count = file.Read(buffer, length, buffer.Length - length);
            if (count == 0)
            {
                yield break;
            }

            length += count;
            var from = 0;
            while (buffer.AsSpan(from, length - from).IndexOf((byte)'\n') is var end and >= 0)
            {
                yield return buffer.AsMemory(from, end);
                from += end + 1;
            }

            buffer.AsSpan(from, length - from).CopyTo(buffer);
            length -= from;
            if (length == buffer.Length)
            {
                if (length >= LineMax)
                {
                    throw new JsonException("A line is too long.");
                }

                Array.Resize(ref buffer, length * 2);
            }
        }
    }
}
