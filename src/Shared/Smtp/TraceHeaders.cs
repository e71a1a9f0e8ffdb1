using System.Buffers;
using System.Globalization;
using System.Text;

namespace MailCluster.Shared.Smtp;

/// <summary>What Received: tells beyond the envelope.</summary>
/// <param name="HostName">The node that took the message.</param>
/// <param name="RemoteAddress">As in <see cref="SmtpConnection.RemoteAddress"/>.</param>
/// <param name="QueueId">Atom characters only.</param>
/// <param name="Tls">Null in the clear.</param>
public readonly record struct TraceFacts(
    string HostName, string RemoteAddress, string QueueId, SmtpTls? Tls, DateTimeOffset Now);

/// <summary>
/// The lines that are put before a message: Return-Path: and Received: (RFC 5321 §4.4), and for submission a missing
/// Date:
/// and Message-ID: (RFC 6409 §8.2, §8.3). Lines are folded at 78 characters (RFC 5322 §2.1.1) where they can be.
/// Addresses
/// of an SMTPUTF8 message are written in UTF-8 (RFC 6532).
/// </summary>
public static class TraceHeaders
{
    private const int LineCharactersMax = 78;

    /// <summary>Return-Path: and Received:, in this order.</summary>
    public static void Write(IBufferWriter<byte> output, SmtpTransaction transaction, in TraceFacts facts)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        var text = new StringBuilder();
        text.Append("Return-Path: <").Append(AddressOf(transaction.From)).Append(">\r\n");

        var folded = new Folded(text, "Received:");
        folded.Add($"from {transaction.Helo}");
        folded.Add($"({Literal(facts.RemoteAddress)})");
        folded.Add($"by {facts.HostName}");
        folded.Add("(MailCluster)");
        folded.Add($"with {transaction.Protocol}");
        if (facts.Tls is { } tls)
        {
            folded.Add($"({tls.Protocol} {tls.CipherSuite})");
        }

        folded.Add($"id {facts.QueueId}");

        // With more than one recipient the clause would tell one of the others (RFC 5321 §7.6).
        if (transaction.Recipients is [var only])
        {
            folded.Add($"for <{AddressOf(only.Path)}>");
        }

        folded.End(";");
        folded.Add(DateText(facts.Now));
        text.Append("\r\n");
        Write(output, text);
    }

    /// <summary>Date: (RFC 5322 §3.6.1), for a submitted message that has none.</summary>
    public static void WriteDate(IBufferWriter<byte> output, DateTimeOffset now) =>
        Write(output, new StringBuilder("Date: ").Append(DateText(now)).Append("\r\n"));

    /// <summary>Message-ID: (RFC 5322 §3.6.4), for a submitted message that has none.</summary>
    /// <param name="uniquePart">Atom characters only; unique among the messages of this host.</param>
    public static void WriteMessageId(IBufferWriter<byte> output, string uniquePart, string hostName) =>
        Write(output, new StringBuilder($"Message-ID: <{uniquePart}@{hostName}>\r\n"));

    /// <summary>
    /// A mailbox as the wire has it: the local-part quoted where it is no dot-string (RFC 5321 §4.1.2).
    /// </summary>
    public static string AddressOf(SmtpPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.IsNull)
        {
            return string.Empty;
        }

        var local = IsDotString(path.LocalPart)
            ? path.LocalPart
            : Quoted(path.LocalPart);
        return path.Domain is null ? local : local + "@" + path.Domain;
    }

    /// <summary>Quoted-string (RFC 5321 §4.1.2).</summary>
    private static string Quoted(string local)
    {
        var escaped = local.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"\"{escaped}\"";
    }

    private static bool IsDotString(string local)
    {
        if (local[0] == '.' || local[^1] == '.' || local.Contains("..", StringComparison.Ordinal))
        {
            return false;
        }

        foreach (var c in local)
        {
            if (c < 0x80 && c != '.' && !Wire.AsciiSets.Atext.Contains((byte)c))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>address-literal (RFC 5321 §4.1.3).</summary>
    private static string Literal(string address) =>
        address.Contains(':', StringComparison.Ordinal) ? $"[IPv6:{address}]" : $"[{address}]";

    /// <summary>date-time (RFC 5322 §3.3).</summary>
    internal static string DateText(DateTimeOffset now) => string.Create(
        CultureInfo.InvariantCulture,
        $"{now:ddd, d MMM yyyy HH:mm:ss} {(now.Offset < TimeSpan.Zero ? '-' : '+')}{now.Offset:hhmm}");

    private static void Write(IBufferWriter<byte> output, StringBuilder text)
    {
        ArgumentNullException.ThrowIfNull(output);
        Encoding.UTF8.GetBytes(text.ToString(), output);
    }

    /// <summary>Puts words on lines; a word that does not fit begins the next line after white space.</summary>
    private ref struct Folded
    {
        private readonly StringBuilder _text;
        private int _column;

        public Folded(StringBuilder text, string name)
        {
            _text = text.Append(name);
            _column = name.Length;
        }

        public void Add(string words)
        {
            // One more for the semicolon that may follow.
            if (_column + 1 + words.Length + 1 > LineCharactersMax)
            {
                _text.Append("\r\n\t");
                _column = 1;
            }
            else
            {
                _text.Append(' ');
                _column++;
            }

            _text.Append(words);
            _column += words.Length;
        }

        public void End(string mark)
        {
            _text.Append(mark);
            _column += mark.Length;
        }
    }
}
