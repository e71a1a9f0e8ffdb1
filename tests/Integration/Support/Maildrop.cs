using System.Globalization;
using System.Net;
using System.Text;
using Xunit;

namespace MailCluster.Integration.Support;

/// <param name="Uidl">As UIDL gives it.</param>
/// <param name="Octets">As RETR gives them, without dot-stuffing.</param>
internal sealed record StoredMessage(string Uidl, byte[] Octets)
{
    public string Text => Encoding.Latin1.GetString(Octets);

    /// <summary>
    /// The message below the trace fields that the server put on top, checked to be nothing else than that: what the
    /// client sent, octet for octet.
    /// </summary>
    public void AssertIs(ReadOnlySpan<byte> sent)
    {
        Assert.True(
            Octets.AsSpan().EndsWith(sent), $"{Octets.Length} octets do not end in the {sent.Length} that were sent");
        string trace = Encoding.Latin1.GetString(Octets.AsSpan(0, Octets.Length - sent.Length));
        Assert.StartsWith("Return-Path: <", trace, StringComparison.Ordinal);
        foreach (string line in trace.Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.True(
                line[0] is ' ' or '\t' || line.Split(':')[0] is "Return-Path" or "Received" or "Date" or "Message-ID",
                $"not a trace field: {line}");
        }
    }
}

/// <summary>What is in a mailbox, by POP3.</summary>
internal static class Maildrop
{
    public static List<StoredMessage> Read(IPEndPoint pop3, string user, string password, bool tls = false)
    {
        using Dialogue dialogue = Dialogue.Pop3(pop3, user, password, tls);
        int count = int.Parse(dialogue.Ask("STAT", "+OK").Split(' ')[1], CultureInfo.InvariantCulture);
        dialogue.Ask("UIDL", "+OK");
        string[] uidl = [.. Encoding.ASCII.GetString(dialogue.ReadMultiline())
            .Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1])];
        Assert.Equal(count, uidl.Length);
        List<StoredMessage> messages = [];
        for (int i = 1; i <= count; i++)
        {
            dialogue.Ask($"RETR {i.ToString(CultureInfo.InvariantCulture)}", "+OK");
            messages.Add(new StoredMessage(uidl[i - 1], dialogue.ReadMultiline()));
        }

        dialogue.Ask("QUIT", "+OK");
        return messages;
    }

    public static int Count(IPEndPoint pop3, string user, string password)
    {
        using Dialogue dialogue = Dialogue.Pop3(pop3, user, password);
        int count = int.Parse(dialogue.Ask("STAT", "+OK").Split(' ')[1], CultureInfo.InvariantCulture);
        dialogue.Ask("QUIT", "+OK");
        return count;
    }
}
