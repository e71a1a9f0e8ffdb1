using System.Text;

namespace MailCluster.Frontend.Tests.Edge;

/// <param name="Octets">A command with its CRLF, and what follows it without waiting: a chunk.</param>
/// <param name="OnGo">What follows only when the reply is 354 or 334.</param>
internal sealed record SessionStep(string Octets, string? OnGo = null);

/// <summary>SMTP sessions of valid and malformed commands in an order that mostly makes sense.</summary>
internal static class RandomSession
{
    private static readonly string[] Commands =
    [
        "NOOP", "noop word", "RSET", "HELP", "VRFY alice", "EXPN list", "STARTTLS", "EHLO client.example",
        "HELO client.example", "MAIL FROM:<>", "MAIL FROM:<a@b.test> SIZE=10", "MAIL FROM:<a@b.test> BODY=BINARYMIME",
        "MAIL FROM:<a@b.test> FOO=1", "RCPT TO:<user@random.test>", "RCPT TO:<user@random.test>",
        "RCPT TO:<nobody@random.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<", "MAIL FROM:<a b>", "EHLO", "AUTH",
        "AUTH PLAIN AGEAYg==", "AUTH X =", "AUTH SCRAM-SHA-256 %", "BDAT", "XFOO", "", "\u00ff\u0000", " NOOP",
    ];

    /// <summary>Ends with QUIT.</summary>
    public static List<SessionStep> Make(Random random)
    {
        List<SessionStep> steps = [new("EHLO client.example\r\n")];
        for (var i = random.Next(1, 30); i > 0; i--)
        {
            switch (random.Next(8))
            {
                case 0:
                    steps.AddRange([Line("RSET"), Line("MAIL FROM:<a@b.test>"), Line("RCPT TO:<user@random.test>")]);
                    break;
                case 1:
                    steps.Add(new("DATA\r\n", Body(random)));
                    break;
                case 2:
                    var chunk = Text(random, random.Next(3) == 0 ? random.Next(9000) : random.Next(40));
                    steps.Add(new($"BDAT {chunk.Length}{(random.Next(2) == 0 ? " LAST" : "")}\r\n{chunk}"));
                    break;
                case 3:
                    steps.Add(new("AUTH SCRAM-SHA-256\r\n", random.Next(2) == 0 ? "*\r\n" : "not base64\r\n"));
                    break;
                case 4:
                    steps.Add(new($"NOOP {new string('x', random.Next(3000))}{(random.Next(2) == 0 ? "\r\n" : "\n")}"));
                    break;
                default:
                    steps.Add(Line(Commands[random.Next(Commands.Length)]));
                    break;
            }
        }

        steps.Add(Line("QUIT"));
        return steps;
    }

    /// <summary>All that the session would send if every reply were as it hopes.</summary>
    public static byte[] Octets(IEnumerable<SessionStep> steps) =>
        Encoding.Latin1.GetBytes(string.Concat(steps.Select(step => step.Octets + step.OnGo)));

    private static SessionStep Line(string command) => new(command + "\r\n");

    private static string Body(Random random)
    {
        StringBuilder body = new("Subject: random\r\n\r\n");
        for (var lines = random.Next(20); lines > 0; lines--)
        {
            body.Append(new string('.', random.Next(3) * random.Next(2))).Append(Text(random, random.Next(60)))
                .Append("\r\n");
        }

        // Stuffed, so that its only end is the one below.
        return body.Replace("\r\n.", "\r\n..").Append(".\r\n").ToString();
    }

    private static string Text(Random random, int length)
    {
        const string Alphabet = "abc .\r\n\u00e4\0";
        return string.Create(length, random, static (text, random) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = Alphabet[random.Next(Alphabet.Length)];
            }
        });
    }
}
