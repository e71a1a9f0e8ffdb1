using System.Text;

namespace MailCluster.Shared.Smtp;

/// <summary>
/// A reply with its enhanced status code (RFC 5321 §4.2, RFC 2034), rendered once. Replies that never vary are
/// constants,
/// so that saying one allocates nothing.
/// </summary>
public sealed class SmtpReply
{
    /// <param name="code">Three digits (RFC 5321 §4.2.1).</param>
    /// <param name="enhanced">Such as "5.5.1"; null where RFC 2034 §3 has none (greeting, HELO, EHLO, 3yz).</param>
    /// <param name="lines">At least one text line; printable US-ASCII or UTF-8, without line ends.</param>
    public SmtpReply(int code, string? enhanced, params ReadOnlySpan<string> lines)
    {
        Code = code;
        Enhanced = enhanced;
        var text = new StringBuilder();
        for (var i = 0; i < lines.Length; i++)
        {
            text.Append(code).Append(i == lines.Length - 1 ? ' ' : '-');
            if (enhanced is not null)
            {
                text.Append(enhanced).Append(' ');
            }

            text.Append(lines[i]).Append("\r\n");
        }

        Wire = Encoding.UTF8.GetBytes(text.ToString());
    }

    public int Code { get; }

    public string? Enhanced { get; }

    /// <summary>All lines with their CRLF.</summary>
    public ReadOnlyMemory<byte> Wire { get; }

    /// <summary>4yz or 5yz (RFC 5321 §4.2.1).</summary>
    public bool IsError => Code >= 400;

    public override string ToString() => Encoding.UTF8.GetString(Wire.Span);
}
