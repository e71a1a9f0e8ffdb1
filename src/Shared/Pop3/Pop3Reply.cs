using System.Buffers.Text;
using System.Text;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// A response (RFC 1939 §3) with its wire octets, rendered once. A status line is at most 512 octets with its CRLF
/// (STANXPOP3-C0001); a longer text is cut. Responses that never vary are constants, so that saying one allocates
/// nothing.
/// </summary>
public sealed class Pop3Reply
{
    public const int OctetsMax = 512;

    /// <summary>"+OK ", two 64-bit numbers with their space, CRLF.</summary>
    private const int NumbersOctetsMax = 48;

    private readonly byte[] _octets;
    private int _length;

    /// <param name="text">
    /// What follows "+OK " or "-ERR "; may begin with a response code such as "[SYS/TEMP]" (RFC 2449 §8).
    /// </param>
    public Pop3Reply(bool isOk, string text)
        : this(isOk, StatusLine(isOk, text))
    {
    }

    private Pop3Reply(bool isOk, byte[] octets)
    {
        IsOk = isOk;
        _octets = octets;
        _length = octets.Length;
    }

    public bool IsOk { get; }

    /// <summary>
    /// All lines with their CRLF. The octets of a session's STAT, LIST n, UIDL n and RETR replies are that session's
    /// own and are written anew by its next input: copy them out before that.
    /// </summary>
    public ReadOnlyMemory<byte> Wire => _octets.AsMemory(0, _length);

    /// <summary>A multi-line response: status line, the lines dot-stuffed, the final dot (RFC 1939 §3).</summary>
    /// <param name="lines">Without line ends.</param>
    public static Pop3Reply MultiLine(string text, params ReadOnlySpan<string> lines)
    {
        var wire = new StringBuilder(Encoding.UTF8.GetString(StatusLine(true, text)));
        foreach (var line in lines)
        {
            wire.Append(line.StartsWith('.') ? "." : string.Empty).Append(line).Append("\r\n");
        }

        return new Pop3Reply(true, Encoding.UTF8.GetBytes(wire.Append(".\r\n").ToString()));
    }

    /// <summary>continue-req = "+" SP [base64] CRLF (RFC 5034 §7).</summary>
    public static Pop3Reply Challenge(ReadOnlySpan<byte> octets)
    {
        var wire = new byte[2 + Base64.GetMaxEncodedToUtf8Length(octets.Length) + 2];
        "+ "u8.CopyTo(wire);
        Base64.EncodeToUtf8(octets, wire.AsSpan(2), out _, out var written);
        "\r\n"u8.CopyTo(wire.AsSpan(2 + written));
        return new Pop3Reply(true, wire);
    }

    public override string ToString() => Encoding.UTF8.GetString(Wire.Span);

    /// <summary>A "+OK" whose octets <see cref="Render"/> writes over and over.</summary>
    internal static Pop3Reply ForNumbers()
    {
        var octets = new byte[NumbersOctetsMax];
        "+OK "u8.CopyTo(octets);
        return new Pop3Reply(true, octets);
    }

    /// <summary>"+OK n m" and nothing after it (STANXPOP3-V0004).</summary>
    internal void Render(long first, long second)
    {
        _length = "+OK ".Length;
        Append(first);
        Append(" "u8);
        Append(second);
        Append("\r\n"u8);
    }

    /// <summary>"+OK n octets".</summary>
    internal void RenderOctets(long octets)
    {
        _length = "+OK ".Length;
        Append(octets);
        Append(" octets\r\n"u8);
    }

    private void Append(long number)
    {
        Utf8Formatter.TryFormat(number, _octets.AsSpan(_length), out var written);
        _length += written;
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_octets.AsSpan(_length));
        _length += text.Length;
    }

    private static byte[] StatusLine(bool isOk, string text)
    {
        var wire = Encoding.UTF8.GetBytes((isOk ? "+OK" : "-ERR") + (text.Length == 0 ? string.Empty : " " + text));
        var length = Math.Min(wire.Length, OctetsMax - 2);
        return [.. wire.AsSpan(0, length), (byte)'\r', (byte)'\n'];
    }
}
