using System.Security.Cryptography;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// Bodies untouched: what was sent comes back octet for octet below our own trace fields, shown by hashes over
/// messages of every kind that is easily spoilt.
/// </summary>
public sealed class BodyHashTests(ITestOutputHelper output)
{
    private const int Messages = 1000;
    private const int Users = 3;
    private const int Megabyte = 1_000_000;
    private static readonly int[] LargeSizes = [Megabyte, 5 * Megabyte, 20 * Megabyte, 40 * Megabyte];

    private sealed record Sent(string Kind, int Octets, string Hash);

    [Fact]
    [Trait("Requirement", "EX07-RFC-1652")]
    [Trait("Requirement", "EX07-RFC-3030")]
    public void A_thousand_messages_of_every_kind_come_back_octet_for_octet()
    {
        Random random = Seeded();
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = Users };
        settings.Gateway["MaxMessageSize"] = 41 * Megabyte;
        using Node node = Node.Start(settings);
        List<Sent>[] expected = [.. Enumerable.Range(0, Users).Select(_ => new List<Sent>())];
        using (Dialogue smtp = Dialogue.Smtp(node.Smtp))
        {
            foreach (Letter letter in Letters(random))
            {
                int[] users = Send(smtp, letter, random);
                Sent sent = new(letter.Kind, letter.Octets.Length, Hash(letter.Octets));
                Array.ForEach(users, user => expected[user].Add(sent));
            }

            smtp.Ask("QUIT", "221");
        }

        for (int user = 0; user < Users; user++)
        {
            AssertMailbox(node, user + 1, expected[user]);
        }
    }

    private static IEnumerable<Letter> Letters(Random random)
    {
        for (int i = 0; i < Messages; i++)
        {
            yield return Letter.OfKind(i % Letter.KindCount, random);
        }

        foreach (int size in LargeSizes)
        {
            yield return Letter.OfSize(size, random);
        }
    }

    /// <returns>Who gets it: one user or several.</returns>
    private static int[] Send(Dialogue smtp, Letter letter, Random random)
    {
        int[] users = [.. Enumerable.Range(0, Users).OrderBy(_ => random.Next()).Take(random.Next(1, Users + 1))];
        string[] recipients =
            [.. users.Select(user => letter.IsInternational
                ? Node.User(user + 1).Replace("@", "+grüße@", StringComparison.Ordinal) : Node.User(user + 1))];
        string parameters = (letter.IsBinary ? " BODY=BINARYMIME" : " BODY=8BITMIME")
            + (letter.IsInternational ? " SMTPUTF8" : "");
        Sending.Envelope(
            smtp, letter.IsInternational ? "jörg@exämple.test" : "sender@elsewhere.test", parameters, recipients);
        if (letter.IsBinary || random.Next(2) == 0)
        {
            int largest = random.Next(3) switch { 0 => 7_000, 1 => 150_000, _ => 3_000_000 };
            Sending.ByChunks(smtp, letter.Octets, random, largest);
        }
        else
        {
            Sending.ByDots(smtp, letter.Octets);
        }

        return users;
    }

    private void AssertMailbox(Node node, int user, List<Sent> expected)
    {
        using Dialogue pop3 = Dialogue.Pop3(node.Pop3, Node.User(user), Node.Password(user), utf8: true);
        pop3.Ask("STAT", $"+OK {expected.Count} ");
        long octets = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            pop3.Ask($"RETR {i + 1}", "+OK");
            byte[] received = pop3.ReadOctets();
            AssertIs(expected[i], received, $"message {i + 1} of user {user}");
            octets += received.Length;
        }

        output.WriteLine($"user {user}: {expected.Count} messages, {octets} octets");
        pop3.Ask("QUIT", "+OK");
    }

    private static void AssertIs(Sent sent, byte[] received, string which)
    {
        // A last line without its end gets one: POP3's answer is made of lines (RFC 1939 §3).
        int end = received.Length;
        int traceEnd = TraceEnd(received);
        if (end - traceEnd == sent.Octets + 2)
        {
            Assert.True(sent.Kind == "binary" && received.AsSpan().EndsWith("\r\n"u8), $"{which}, {sent.Kind}: longer");
            end -= 2;
        }

        Assert.True(
            sent.Octets == end - traceEnd, $"{which}, {sent.Kind}: {end - traceEnd} octets for {sent.Octets}");
        Assert.True(
            sent.Hash == Hash(received.AsSpan(traceEnd, sent.Octets)), $"{which}, {sent.Kind}: another hash");
    }

    /// <summary>
    /// Return-Path and Received with its folded lines; nothing that was sent begins with a field of ours.
    /// </summary>
    private static int TraceEnd(byte[] received)
    {
        Assert.True(received.AsSpan().StartsWith("Return-Path: <"u8), "no trace on top");
        int at = 0;
        while (Line(at) is var line && (line.StartsWith("Return-Path:"u8) || line.StartsWith("Received:"u8)
            || (at > 0 && line.Length > 0 && line[0] is (byte)' ' or (byte)'\t')))
        {
            at += line.Length;
        }

        return at;

        ReadOnlySpan<byte> Line(int from)
        {
            ReadOnlySpan<byte> rest = received.AsSpan(from);
            return rest[..(rest.IndexOf((byte)'\n') + 1)];
        }
    }

    private static string Hash(ReadOnlySpan<byte> octets) => Convert.ToHexString(SHA256.HashData(octets));

    private Random Seeded()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("MAILCLUSTER_SEED"), out int given) ? given
            : Random.Shared.Next();
        output.WriteLine($"MAILCLUSTER_SEED={seed}");
        return new Random(seed);
    }
}
