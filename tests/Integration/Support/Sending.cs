using System.Text;

namespace MailCluster.Integration.Support;

/// <summary>A message over an open session, its envelope given.</summary>
internal static class Sending
{
    /// <param name="parameters">Of MAIL, with a blank in front, or nothing.</param>
    public static void Envelope(Dialogue dialogue, string sender, string parameters, params string[] recipients)
    {
        Command(dialogue, $"MAIL FROM:<{sender}>{parameters}", "250");
        foreach (string recipient in recipients)
        {
            Command(dialogue, $"RCPT TO:<{recipient}>", "250");
        }
    }

    public static void ByDots(Dialogue dialogue, ReadOnlySpan<byte> message)
    {
        dialogue.Ask("DATA", "354");
        dialogue.Send(Stuffed(message));
        dialogue.Ask(".", "250");
    }

    /// <summary>In chunks of up to <paramref name="largest"/> octets, the last of them empty now and then.</summary>
    public static void ByChunks(Dialogue dialogue, ReadOnlySpan<byte> message, Random random, int largest)
    {
        bool isLast = false;
        while (!isLast)
        {
            int size = Math.Min(random.Next(1, largest + 1), message.Length);
            isLast = size == message.Length && (size == 0 || random.Next(2) == 0);
            dialogue.Send($"BDAT {size}{(isLast ? " LAST" : "")}\r\n");
            dialogue.Send(message[..size]);
            dialogue.Expect("250");
            message = message[size..];
        }
    }

    /// <summary>RFC 5321 §4.5.2. Every line of the message ends in CRLF.</summary>
    public static byte[] Stuffed(ReadOnlySpan<byte> message)
    {
        using MemoryStream stuffed = new(message.Length + 64);
        while (true)
        {
            if (message.StartsWith("."u8))
            {
                stuffed.WriteByte((byte)'.');
            }

            int end = message.IndexOf("\r\n"u8);
            if (end < 0)
            {
                stuffed.Write(message);
                return stuffed.ToArray();
            }

            stuffed.Write(message[..(end + 2)]);
            message = message[(end + 2)..];
        }
    }

    private static void Command(Dialogue dialogue, string command, string reply)
    {
        dialogue.Send(Encoding.UTF8.GetBytes(command + "\r\n"));
        dialogue.Expect(reply);
    }
}
