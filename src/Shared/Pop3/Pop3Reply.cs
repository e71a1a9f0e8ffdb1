using System.Text;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// A single-line response (RFC 1939 §3) of at most 512 octets with its CRLF (STANXPOP3-C0001), rendered once; a longer text
/// is cut. Responses that never vary are constants, so that saying one allocates nothing.
/// </summary>
public sealed class Pop3Reply
{
    public const int OctetsMax = 512;

    /// <param name="text">What follows "+OK " or "-ERR "; may begin with a response code such as "[SYS/TEMP]" (RFC 2449 §8).</param>
    public Pop3Reply(bool isOk, string text)
    {
        IsOk = isOk;
        var wire = Encoding.UTF8.GetBytes((isOk ? "+OK" : "-ERR") + (text.Length == 0 ? string.Empty : " " + text));
        var length = Math.Min(wire.Length, OctetsMax - 2);
        Wire = (byte[])[.. wire.AsSpan(0, length), (byte)'\r', (byte)'\n'];
    }

    public bool IsOk { get; }

    public ReadOnlyMemory<byte> Wire { get; }

    public override string ToString() => Encoding.UTF8.GetString(Wire.Span);
}
