using System.Collections.Concurrent;
using System.Globalization;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>POP3 as MS-STANXPOP3 has it, with one mailbox: what its SMTP neighbour accepted.</summary>
internal sealed class StandInPop3(IReadOnlyDictionary<string, string> lies, ConcurrentQueue<string> accepted)
    : StandIn(lies)
{
    public const int CommandMax = 512;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, string> _messages = [];
    private int _uids;
    private int _sessions;

    public bool ClearIsRefused { get; init; }

    /// <summary>How long it waits after the greeting.</summary>
    public TimeSpan? SilenceAtFirst { get; init; }

    /// <summary>How long it waits after a DELE.</summary>
    public TimeSpan? SilenceAfterDele { get; init; }

    protected override async Task ServeAsync(Conversation client)
    {
        var session = new Session(this, client);
        await client.SayAsync(Answer("(greeting)", "+OK stand-in"));
        try
        {
            await session.RunAsync();
        }
        finally
        {
            session.Leave();
        }
    }

    private SortedDictionary<int, string> Snapshot()
    {
        lock (_lock)
        {
            while (accepted.TryDequeue(out var message))
            {
                _messages.Add(++_uids, message);
            }

            return new SortedDictionary<int, string>(_messages);
        }
    }

    private sealed class Session(StandInPop3 server, Conversation client)
    {
        private readonly HashSet<int> _marked = [];
        private (int Uid, string Text)[] _list = [];
        private bool _hasUser;
        private bool _isIn;

        public void Leave() => Interlocked.Add(ref server._sessions, _isIn ? -1 : 0);

        public async Task RunAsync()
        {
            if (server.SilenceAtFirst is { } first)
            {
                await EndAsync(first);
                return;
            }

            while (await client.HearAsync() is { } line)
            {
                var reply = server.Answer(line, Honest(line));
                await client.SayAsync(reply);
                if (reply == "+" || (reply.StartsWith("+ ", StringComparison.Ordinal)))
                {
                    await client.HearAsync();
                    await client.SayAsync("-ERR cancelled");
                }

                if (line == "STLS" && reply.StartsWith("+OK", StringComparison.Ordinal))
                {
                    await client.UpgradeAsync();
                }

                if (line.StartsWith("DELE", StringComparison.Ordinal) && server.SilenceAfterDele is { } silence)
                {
                    await EndAsync(silence);
                    return;
                }

                if (line == "QUIT")
                {
                    return;
                }
            }
        }

        /// <summary>By a line, unless it lies about that.</summary>
        private async Task EndAsync(TimeSpan silence)
        {
            server.Time!.Advance(silence);
            if (server.Answer("(idle)", "-ERR idle") is { Length: > 0 } said)
            {
                await client.SayAsync(said);
            }
            else
            {
                server.Time!.Advance(silence);
                await client.HearAsync();
            }
        }

        private string Honest(string line)
        {
            var verb = line.Split(' ', '\t')[0];
            var rest = line[Math.Min(line.Length, verb.Length + 1)..];
            return (verb, line.Length + 2 > CommandMax) switch
            {
                (_, true) => "-ERR too long",
                ("CAPA", _) => "+OK\r\nTOP\r\nUIDL\r\nUSER\r\nRESP-CODES\r\nPIPELINING\r\nSASL NTLM GSSAPI PLAIN\r\n"
                    + (client.IsTls ? "." : "STLS\r\n."),
                ("QUIT", _) => Quit(),
                ("STLS", _) => client.IsTls ? "-ERR again" : "+OK go",
                ("AUTH", _) => rest is "NTLM" or "GSSAPI" ? "+ " : "-ERR unknown",
                ("USER", _) => User(),
                ("PASS", _) => Password(rest),
                _ => _isIn ? Transaction(verb, rest.Trim(' ', '\t').Split(' ')) : "-ERR not now",
            };
        }

        private string User()
        {
            _hasUser = !server.ClearIsRefused || client.IsTls;
            return _hasUser ? "+OK" : "-ERR not in the clear";
        }

        private string Password(string password)
        {
            if (!_hasUser || password != "pw")
            {
                return "-ERR wrong";
            }

            if (Interlocked.Increment(ref server._sessions) > 1
                && server.Answer("(second)", "") is { Length: > 0 } locked)
            {
                Interlocked.Decrement(ref server._sessions);
                return locked;
            }

            _isIn = true;
            _list = [.. server.Snapshot().Select(entry => (entry.Key, entry.Value))];
            return "+OK in";
        }

        private string Quit()
        {
            lock (server._lock)
            {
                foreach (var index in _marked)
                {
                    server._messages.Remove(_list[index].Uid);
                }
            }

            return "+OK bye";
        }

        private string Transaction(string verb, string[] words)
        {
            _ = int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            var isThere = number >= 1 && number <= _list.Length && !_marked.Contains(number - 1);
            var listed = Enumerable.Range(0, _list.Length).Where(index => !_marked.Contains(index)).ToArray();
            switch (verb)
            {
                case "NOOP":
                    return "+OK";
                case "RSET":
                    _marked.Clear();
                    return "+OK";
                case "STAT":
                    return $"+OK {listed.Length} {listed.Sum(index => _list[index].Text.Length)}";
                case "LIST" when words[0] == "":
                    return Lines(listed.Select(index => $"{index + 1} {_list[index].Text.Length}"));
                case "UIDL" when words[0] == "":
                    return Lines(listed.Select(index => $"{index + 1} {_list[index].Uid}"));
                case "LIST" or "UIDL" or "DELE" or "RETR" or "TOP" when !isThere:
                    return "-ERR no such message";
                case "LIST":
                    return $"+OK {number} {_list[number - 1].Text.Length}";
                case "UIDL":
                    return $"+OK {number} {_list[number - 1].Uid}";
                case "DELE":
                    _marked.Add(number - 1);
                    return "+OK";
                case "RETR":
                    return Body(number - 1, int.MaxValue);
                case "TOP":
                    return words.Length == 2 && words[1] is "0" or "1" ? Body(number - 1, words[1][0] - '0') : "-ERR k";
                default:
                    return "-ERR unknown";
            }
        }

        private string Body(int index, int lines)
        {
            if (!server.Snapshot().ContainsKey(_list[index].Uid))
            {
                return "-ERR it is gone";
            }

            var all = _list[index].Text.Split("\r\n")[..^1];
            var header = Array.IndexOf(all, "") + 1;
            return Lines(all.Take(lines == int.MaxValue ? lines : header + lines)
                .Select(line => line.StartsWith('.') ? "." + line : line));
        }

        private static string Lines(IEnumerable<string> lines) => string.Join("\r\n", ["+OK", .. lines, "."]);
    }
}
