using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>
/// One client per mailbox that opens it again and again, reads, removes some messages and says QUIT, until told to
/// stop.
/// </summary>
internal sealed class Readers(NodeChoice nodes, Ledger ledger, int users, int seed)
{
    private readonly List<Thread> _threads = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly ConcurrentDictionary<string, int> _failures = new();
    private volatile bool _stopped;
    private int _sessions;
    private int _failed;

    /// <summary>From login to +OK at QUIT.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    /// <summary>Those that got -ERR or were cut after their login.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>What the failed ones heard, and how often.</summary>
    public string Failures => string.Join('\n', _failures.OrderByDescending(one => one.Value)
        .Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Value} x {one.Key}")));

    public void Start()
    {
        for (int user = 1; user <= users; user++)
        {
            int number = user;
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
            Assert.True(thread.Join(TimeSpan.FromSeconds(90)), "A reader hangs.");
        }

        Assert.Empty(_faults);
    }

    private void Guarded(int user)
    {
        Random random = new(unchecked((seed * 131) ^ user));
        try
        {
            for (int attempt = 0; !_stopped && nodes(user, attempt) is { } node; attempt++)
            {
                Visit(node, user, random);
            }
        }
        catch (Exception exception)
        {
            _faults.Enqueue(exception.Message);
        }
    }

    private void Visit(Node node, int user, Random random)
    {
        bool isIn = false;
        string heard = "";
        try
        {
            using Dialogue dialogue = Dialogue.Connect(node.Pop3);
            if (!dialogue.ReadReply().StartsWith("+OK", StringComparison.Ordinal)
                || !dialogue.Ask($"USER {Node.User(user)}").StartsWith("+OK", StringComparison.Ordinal)
                || !dialogue.Ask($"PASS {Node.Password(user)}").StartsWith("+OK", StringComparison.Ordinal))
            {
                // A node that goes or has no home for this mailbox just now says so.
                return;
            }

            isIn = true;
            heard = Remove(dialogue, user, random);
            if (heard.StartsWith("+OK", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _sessions);
                return;
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // Counted below, when it was in.
            heard = exception.Message;
        }

        if (isIn)
        {
            Interlocked.Increment(ref _failed);
            _failures.AddOrUpdate(heard.Trim(), 1, static (_, count) => count + 1);
        }
    }

    /// <summary>The reply to QUIT.</summary>
    private string Remove(Dialogue dialogue, int user, Random random)
    {
        int count = int.Parse(dialogue.Ask("STAT", "+OK").Split(' ')[1], CultureInfo.InvariantCulture);
        List<string> ids = [];
        for (int number = 1; number <= Math.Min(count, 20); number++)
        {
            if (random.Next(2) != 0)
            {
                continue;
            }

            string text = number.ToString(CultureInfo.InvariantCulture);
            if (!dialogue.Ask($"TOP {text} 0").StartsWith("+OK", StringComparison.Ordinal))
            {
                continue;
            }

            string id = Ledger.IdOf(System.Text.Encoding.Latin1.GetString(dialogue.ReadMultiline()));
            if (id.Length > 0)
            {
                dialogue.Ask($"DELE {text}", "+OK");
                ids.Add(id);
            }
        }

        ledger.Removing(user, ids);
        string reply = dialogue.Ask("QUIT");
        if (reply.StartsWith("+OK", StringComparison.Ordinal))
        {
            ledger.AcknowledgeRemoved(user, ids);
        }

        return reply;
    }
}
