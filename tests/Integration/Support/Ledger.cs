using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>
/// What clients know: for every message whether the server has acknowledged it, whom it was for, and who has removed
/// it.
/// </summary>
internal sealed partial class Ledger
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int[]> _sent = [];
    private readonly HashSet<string> _acknowledged = [];
    private readonly Dictionary<(string Id, int User), bool> _removed = [];

    public int Acknowledged
    {
        get
        {
            lock (_lock)
            {
                return _acknowledged.Count;
            }
        }
    }

    public void Sending(string id, int[] users)
    {
        lock (_lock)
        {
            _sent.Add(id, users);
        }
    }

    public void Acknowledge(string id)
    {
        lock (_lock)
        {
            _acknowledged.Add(id);
        }
    }

    /// <summary>Copies whose removal was acknowledged.</summary>
    public int Removed
    {
        get
        {
            lock (_lock)
            {
                return _removed.Values.Count(isAcknowledged => isAcknowledged);
            }
        }
    }

    /// <summary>QUIT is about to be said after DELE of these.</summary>
    public void Removing(int user, IEnumerable<string> ids)
    {
        lock (_lock)
        {
            foreach (string id in ids)
            {
                _removed.TryAdd((id, user), false);
            }
        }
    }

    /// <summary>QUIT was answered with +OK.</summary>
    public void AcknowledgeRemoved(int user, IEnumerable<string> ids)
    {
        lock (_lock)
        {
            foreach (string id in ids)
            {
                _removed[(id, user)] = true;
            }
        }
    }

    public static string IdOf(string message) => Id().Match(message).Groups[1].Value;

    /// <summary>
    /// Acknowledged: in each of its mailboxes exactly once. In doubt: in all of them once, or in none. What somebody
    /// removed is gone when that was acknowledged, and may be gone when it is in doubt.
    /// </summary>
    public void AssertKept(Node node, int users)
    {
        Dictionary<(string Id, int User), int> found = [];
        for (int user = 1; user <= users; user++)
        {
            foreach (StoredMessage message in node.Mailbox(user))
            {
                (string Id, int User) copy = (IdOf(message.Text), user);
                found[copy] = found.GetValueOrDefault(copy) + 1;
            }
        }

        List<string> wrong = [];
        foreach ((string id, int[] recipients) in _sent)
        {
            int[] copies = [.. recipients.Select(user => CopiesOf(id, user, found.GetValueOrDefault((id, user))))];
            bool kept = copies.All(count => count == 1)
                || (!_acknowledged.Contains(id) && copies.All(count => count == 0));
            if (!kept)
            {
                wrong.Add(
                    $"{id} {(_acknowledged.Contains(id) ? "acknowledged" : "in doubt")}: {string.Join(',', copies)}");
            }
        }

        int stray = found.Keys.Count(
            copy => !_sent.TryGetValue(copy.Id, out int[]? recipients) || !recipients.Contains(copy.User));
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {_sent.Count}:\n{string.Join('\n', wrong.Take(20))}");
        Assert.Equal(0, stray);
    }

    /// <summary>As if nobody had removed it, when what is there can be explained so; else what is there.</summary>
    private int CopiesOf(string id, int user, int found) =>
        !_removed.TryGetValue((id, user), out bool isAcknowledged) ? found
        : found == 0 ? 1
        : isAcknowledged ? -found
        : found;

    [GeneratedRegex(@"^X-Ledger: (\S+)\r$", RegexOptions.Multiline)]
    private static partial Regex Id();
}

/// <summary>Which node a client turns to.</summary>
/// <param name="attempt">Counts its connections: after a failure it may go elsewhere.</param>
/// <returns>Null: to none, it ends.</returns>
internal delegate Node? NodeChoice(int client, int attempt);

/// <summary>Twenty clients that send without a pause until they are told to stop or the server is gone.</summary>
internal sealed class Senders(NodeChoice nodes, Ledger ledger, int users, int seed)
{
    private const int Count = 20;
    private readonly List<Thread> _threads = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new();
    private volatile bool _stopped;
    private int _refused;
    private int _failed;

    public Senders(Node node, Ledger ledger, int users, int seed)
        : this((_, attempt) => attempt > 0 && node.HasExited ? null : node, ledger, users, seed)
    {
    }

    /// <summary>
    /// Transactions that MAIL had begun and that did not come to their 250: refused later, or cut with their
    /// connection.
    /// </summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>Messages that got a temporary refusal.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Temporary refusals by their text, and at what.</summary>
    public string Refusals => string.Join(
        '\n', _refusals.OrderByDescending(pair => pair.Value).Take(10).Select(pair => $"{pair.Value} x {pair.Key}"));

    public void Start()
    {
        for (int i = 0; i < Count; i++)
        {
            int number = i;
            Thread thread = new(() => Guarded(number)) { IsBackground = true };
            _threads.Add(thread);
            thread.Start();
        }
    }

    public void Stop()
    {
        _stopped = true;
        foreach (Thread thread in _threads)
        {
            Assert.True(thread.Join(TimeSpan.FromSeconds(90)), "A sender hangs.");
        }

        Assert.Empty(_faults);
    }

    /// <summary>
    /// An answer that no good client should get is kept for <see cref="Stop"/>, not lost with its thread.
    /// </summary>
    private void Guarded(int sender)
    {
        try
        {
            Send(sender);
        }
        catch (Exception exception)
        {
            _faults.Enqueue(exception.Message);
        }
    }

    private void Send(int sender)
    {
        Random random = new(HashOf(sender));
        int sent = 0;
        for (int attempt = 0; !_stopped; attempt++)
        {
            if (nodes(sender, attempt) is not { } node)
            {
                return;
            }

            try
            {
                using Dialogue dialogue = Dialogue.Connect(node.Smtp);
                if (!TakesMail("greeting", dialogue.ReadReply()))
                {
                    // A node that cannot ask how many connections its source has sends it away for now (421 4.4.2).
                    continue;
                }

                dialogue.Ask("EHLO client.example.test", "250");
                while (!_stopped && !dialogue.IsClosed)
                {
                    Message(dialogue, random, $"{seed}-{sender}-{sent++}");
                }
            }
            catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
            {
                // The next attempt, if there is one.
            }
        }
    }

    private int HashOf(int sender) => unchecked((seed * 397) ^ sender);

    private void Message(Dialogue dialogue, Random random, string id)
    {
        int[] recipients =
            [.. Enumerable.Range(1, users).OrderBy(_ => random.Next()).Take(random.Next(10) == 0 ? 3 : 1)];
        dialogue.SendLine("MAIL FROM:<sender@elsewhere.test>");
        if (!TakesMail("MAIL", dialogue.ReadReply()))
        {
            return;
        }

        bool isDone = false;
        try
        {
            isDone = Transact(dialogue, random, id, recipients);
        }
        finally
        {
            if (!isDone)
            {
                Interlocked.Increment(ref _failed);
            }
        }
    }

    private bool Transact(Dialogue dialogue, Random random, string id, int[] recipients)
    {
        foreach (int user in recipients)
        {
            if (!TakesMail("RCPT", dialogue.Ask($"RCPT TO:<{Node.User(user)}>")))
            {
                dialogue.Ask("RSET");
                return false;
            }
        }

        if (!TakesMail("DATA", dialogue.Ask("DATA")))
        {
            dialogue.Ask("RSET");
            return false;
        }

        ledger.Sending(id, recipients);
        // one in twenty is above the 64 KiB of a body's head
        int lines = random.Next(20) == 0 ? 4000 : random.Next(1, 40);
        dialogue.Send($"X-Ledger: {id}\r\nSubject: {id}\r\n\r\n");
        dialogue.Send(string.Concat(Enumerable.Repeat($"{id} 0123456789 0123456789\r\n", lines)));
        string reply = dialogue.Ask(".");
        if (reply.StartsWith("250", StringComparison.Ordinal))
        {
            ledger.Acknowledge(id);
            return true;
        }

        Assert.StartsWith("4", reply, StringComparison.Ordinal);
        Refuse("end of data", reply);
        return false;
    }

    private bool TakesMail(string at, string reply)
    {
        if (reply[0] is '2' or '3')
        {
            return true;
        }

        if (reply[0] != '4')
        {
            throw new InvalidOperationException(
                string.Create(CultureInfo.InvariantCulture, $"Not an answer to a good client: {reply}"));
        }

        Refuse(at, reply);
        return false;
    }

    private void Refuse(string at, string reply)
    {
        Interlocked.Increment(ref _refused);
        _refusals.AddOrUpdate($"{at}: {reply.TrimEnd()}", 1, static (_, count) => count + 1);
    }
}
