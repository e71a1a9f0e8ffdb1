using System.Security.Cryptography;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>What goes in comes out, octet for octet, below the trace fields that the server puts on top.</summary>
public sealed class BodyTests(ITestOutputHelper output)
{
    /// <summary>A head holds 64 KiB, a chunk 128 KiB: sizes around both.</summary>
    private static readonly int[] Sizes =
        [0, 1, 400, 65_000, 65_536, 66_000, 131_072, 196_607, 196_608, 196_700, 800_000];

    [Fact]
    [Trait("Requirement", "EX07-RFC-1652")]
    public void Generated_messages_come_back_as_they_were_sent_by_DATA()
    {
        Random random = Seeded();
        PlaysBack(random, (dialogue, message) =>
        {
            dialogue.Ask($"MAIL FROM:<sender@elsewhere.test> BODY=8BITMIME", "250");
            dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            Sending.ByDots(dialogue, message);
        });
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-3030")]
    public void Generated_messages_come_back_as_they_were_sent_by_BDAT_in_chunks_of_any_size()
    {
        Random random = Seeded();
        PlaysBack(random, (dialogue, message) =>
        {
            dialogue.Ask("MAIL FROM:<sender@elsewhere.test> BODY=BINARYMIME", "250");
            dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            for (int at = 0; at < message.Length;)
            {
                int size = Math.Min(random.Next(1, 150_000), message.Length - at);
                dialogue.Send($"BDAT {size}\r\n");
                dialogue.Send(message.AsSpan(at, size));
                dialogue.Expect("250");
                at += size;
            }

            dialogue.Ask("BDAT 0 LAST", "250");
        });
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0011")]
    public void A_line_end_of_a_lone_CR_or_LF_never_ends_the_data()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        foreach (string end in new[] { "\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r.\r\n", "\r\n.\r" })
        {
            using Dialogue dialogue = Dialogue.Smtp(node.Smtp);
            dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
            dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            dialogue.Ask("DATA", "354");
            dialogue.Send(
                $"Subject: smuggling\r\n\r\nbody{end}MAIL FROM:<evil@elsewhere.test>\r\nRCPT TO:<{Node.User(1)}>\r\nDATA\r\nsecond\r\n");
            dialogue.Ask(".", "250");
            dialogue.Ask("NOOP", "250"); // in step: one message, one reply
            dialogue.Ask("QUIT", "221");
        }

        List<StoredMessage> messages = node.Mailbox(1); // read by a client that takes LF for a line's end
        Assert.Equal(6, messages.Count);
        foreach (StoredMessage message in messages)
        {
            Assert.Contains("evil@elsewhere.test", message.Text, StringComparison.Ordinal);
            Assert.StartsWith("Return-Path: <sender@elsewhere.test>", message.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-10")]
    public void A_message_over_the_limit_is_refused_after_its_end_and_the_next_is_taken()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["MaxMessageSize"] = 65_536;
        using Node node = Node.Start(settings);
        using Dialogue dialogue = Dialogue.Smtp(node.Smtp);
        dialogue.Ask("MAIL FROM:<sender@elsewhere.test> SIZE=70000", "552 5.3.4");
        dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        dialogue.Ask("DATA", "354");
        dialogue.Send(string.Concat(Enumerable.Repeat("0123456789\r\n", 6_000)));
        dialogue.Ask(".", "552 5.3.4");
        Node.Deliver(dialogue, 1, "Subject: small\r\n\r\nbody\r\n");
        Assert.Single(node.Mailbox(1));
    }

    [Fact]
    public void A_message_of_150_MB_passes_in_and_out_without_being_held_in_memory()
    {
        const int Octets = 150_000_000;
        const int Chunk = 1_000_000;
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["MaxMessageSize"] = 200_000_000;
        using Node node = Node.Start(settings);
        string small = Convey(node, 8 * Chunk, Chunk, out string smallBack); // code compiled, buffers at their size
        Assert.Equal(small, smallBack);
        node.ResetPeakMemory();
        long before = node.Memory("VmHWM");

        string sent = Convey(node, Octets, Chunk, out string received);

        long growth = node.Memory("VmHWM") - before;
        output.WriteLine($"peak before {before} KiB, growth {growth} KiB");
        Assert.Equal(sent, received);
        Assert.True(growth < 24 * 1024, $"{growth} KiB more than with a message of 8 MB");
    }

    /// <summary>
    /// Sends by BDAT, reads by RETR, deletes; gives the hashes of both ways, neither of which holds the message.
    /// </summary>
    private static string Convey(Node node, int octets, int chunk, out string received)
    {
        const int Line = 100;
        byte[] block = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, chunk / Line)
            .Select(i => $"{i:D10} {new string((char)('a' + (i % 26)), Line - 13)}\r\n")));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (Dialogue smtp = Dialogue.Smtp(node.Smtp))
        {
            smtp.Ask("MAIL FROM:<sender@elsewhere.test> BODY=8BITMIME", "250");
            smtp.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            byte[] head = "Subject: large\r\n\r\n"u8.ToArray();
            smtp.Send($"BDAT {head.Length}\r\n");
            smtp.Send(head);
            smtp.Expect("250");
            hash.AppendData(head);
            for (int sent = 0; sent < octets; sent += chunk)
            {
                smtp.Send($"BDAT {chunk}{(sent + chunk >= octets ? " LAST" : "")}\r\n");
                smtp.Send(block);
                hash.AppendData(block);
                smtp.Expect("250");
            }

            smtp.Ask("QUIT", "221");
        }

        received = HashBelowTrace(node, octets + "Subject: large\r\n\r\n".Length);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string HashBelowTrace(Node node, long octets)
    {
        using Dialogue pop3 = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        pop3.Ask("RETR 1", "+OK");
        string line = pop3.ReadLine();
        while (!line.StartsWith("Subject: large", StringComparison.Ordinal))
        {
            line = pop3.ReadLine();
        }

        byte[] first = Encoding.ASCII.GetBytes(line + "\r\n");
        hash.AppendData(first);
        byte[] buffer = new byte[64 * 1024];
        for (long left = octets - first.Length; left > 0;) // no line of it begins with a dot
        {
            int count = pop3.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, left)));
            Assert.True(count > 0, $"The message ended {left} octets early.");
            hash.AppendData(buffer, 0, count);
            left -= count;
        }

        pop3.Expect(".");
        pop3.Ask("DELE 1", "+OK");
        pop3.Ask("QUIT", "+OK");
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static void PlaysBack(Random random, Action<Dialogue, byte[]> send)
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        List<byte[]> sent = [.. Sizes.Select(size => Generate(random, size))];
        using (Dialogue dialogue = Dialogue.Smtp(node.Smtp))
        {
            sent.ForEach(message => send(dialogue, message));
            dialogue.Ask("QUIT", "221");
        }

        List<StoredMessage> received = node.Mailbox(1);
        Assert.Equal(sent.Count, received.Count);
        for (int i = 0; i < sent.Count; i++)
        {
            received[i].AssertIs(sent[i]);
        }
    }

    /// <summary>
    /// Lines of every kind that is legal: dots in front, 8-bit octets, empty, up to the 998 of RFC 5322 §2.1.1.
    /// </summary>
    private static byte[] Generate(Random random, int size)
    {
        List<byte> message = [.. "Subject: generated\r\nX-Empty:\r\n\r\n"u8];
        int end = message.Count + size;
        while (message.Count < end)
        {
            int length = random.Next(6) switch { 0 => 0, 1 => 998, _ => random.Next(1, 120) };
            message.AddRange(Enumerable.Repeat((byte)'.', Math.Min(length, random.Next(4))));
            for (int i = 0; i < length - 3; i++)
            {
                byte octet = (byte)random.Next(1, 256);
                message.Add(octet is (byte)'\r' or (byte)'\n' ? (byte)' ' : octet);
            }

            message.AddRange("\r\n"u8);
        }

        return [.. message];
    }

    private Random Seeded()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("MAILCLUSTER_SEED"), out int given) ? given
            : Random.Shared.Next();
        output.WriteLine($"MAILCLUSTER_SEED={seed}");
        return new Random(seed);
    }
}
