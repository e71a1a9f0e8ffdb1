using System.Globalization;
using System.Text;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3;
using Xunit;

namespace MailCluster.Shared.Tests.Pop3;

/// <summary>Random sessions against a list that anyone can check by eye.</summary>
public sealed class Pop3ModelTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Random_sessions_agree_with_a_naive_list()
    {
        var first = Seeds.Next() & 0xFFFFFF;
        for (var seed = first; seed < first + 200; seed++)
        {
            Play(seed);
        }
    }

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var messages = Pop3SessionTests.Messages(random.Next(0, 140));
        var session = Pop3SessionTests.LoggedIn(messages);
        var model = new Model(messages);
        var effects = new List<Pop3Effect>();
        for (var step = 0; step < 200; step++)
        {
            var number = random.Next(0, messages.Length + 3);
            var line = random.Next(9) switch
            {
                0 => "STAT",
                1 => "LIST",
                2 => $"LIST {number}",
                3 => "UIDL",
                4 => $"UIDL {number}",
                5 or 6 => $"DELE {number}",
                7 => random.Next(10) == 0 ? "RSET" : "NOOP",
                _ => $"RETR {number}",
            };
            effects.Clear();
            session.Line(Encoding.ASCII.GetBytes(line), Now, effects);

            var actual = Describe(session, effects);
            Assert.True(
                actual == model.Say(line),
                $"seed {seed}, step {step}, {line}: said \"{actual}\", the model \"{model.Say(line)}\"");
            model.Apply(line);
            if (session.Expects == Pop3Expects.Answer)
            {
                session.Answer(Pop3Answer.MessageSent.Sent, Now, effects);
            }
        }

        effects.Clear();
        session.Line("QUIT"u8, Now, effects);
        var removed = effects.OfType<Pop3Effect.Update>().SelectMany(update => update.Numbers).ToArray();
        Assert.True(model.Marked.SequenceEqual(removed), $"seed {seed}: QUIT removes what was not marked, or not all");
    }

    private static string Describe(Pop3Session session, List<Pop3Effect> effects)
    {
        var text = new StringBuilder();
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case Pop3Effect.Reply reply:
                    text.Append(reply.Value.IsOk ? reply.Value.ToString() : "-ERR");
                    break;
                case Pop3Effect.SendMessage send:
                    text.Append("message ").Append(send.Entry.Number.Value);
                    break;
                case Pop3Effect.SendListing listing:
                    var lines = session.NewListing(listing.Kind);
                    var piece = new byte[100];
                    bool isDone;
                    do
                    {
                        isDone = lines.Write(piece, out var written);
                        text.Append(Encoding.ASCII.GetString(piece, 0, written));
                    }
                    while (!isDone);
                    break;
            }
        }

        return text.ToString();
    }

    private sealed class Model(IEnumerable<MessageEntry> messages)
    {
        private readonly List<(int Number, MessageEntry Entry, bool IsMarked)> _rows =
            [.. messages.Select((entry, index) => (index + 1, entry, false))];

        public IEnumerable<MessageNumber> Marked => _rows.Where(row => row.IsMarked).Select(row => row.Entry.Number);

        public string Say(string line)
        {
            var words = line.Split(' ');
            var left = _rows.Where(row => !row.IsMarked).ToList();
            if (words.Length == 1)
            {
                return words[0] switch
                {
                    "STAT" => $"+OK {left.Count} {left.Sum(row => row.Entry.Octets)}\r\n",
                    "LIST" => "+OK Listing follows\r\n"
                        + string.Concat(left.Select(row => $"{row.Number} {row.Entry.Octets}\r\n")) + ".\r\n",
                    "UIDL" => "+OK Listing follows\r\n"
                        + string.Concat(left.Select(row => $"{row.Number} {row.Entry.Number.Value}\r\n")) + ".\r\n",
                    "RSET" => "+OK Marks removed\r\n",
                    _ => "+OK\r\n",
                };
            }

            var found = left.Where(row => row.Number.ToString(CultureInfo.InvariantCulture) == words[1]).ToList();
            return found.Count == 0 ? "-ERR" : words[0] switch
            {
                "LIST" => $"+OK {found[0].Number} {found[0].Entry.Octets}\r\n",
                "UIDL" => $"+OK {found[0].Number} {found[0].Entry.Number.Value}\r\n",
                "DELE" => "+OK Marked for deletion\r\n",
                _ => $"message {found[0].Entry.Number.Value}",
            };
        }

        public void Apply(string line)
        {
            var words = line.Split(' ');
            for (var i = 0; i < _rows.Count; i++)
            {
                var isNamed = words.Length == 2 && words[1] == (i + 1).ToString(CultureInfo.InvariantCulture);
                _rows[i] = _rows[i] with
                {
                    IsMarked = words[0] != "RSET" && (_rows[i].IsMarked || (words[0] == "DELE" && isNamed)),
                };
            }
        }
    }
}
