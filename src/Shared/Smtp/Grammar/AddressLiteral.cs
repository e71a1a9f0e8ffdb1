using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>
/// RFC 5321 §4.1.3. address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr / General-address-literal ) "]".
/// No general tag is registered, so only the two kinds of addresses are taken.
/// </summary>
public static class AddressLiteral
{
    /// <param name="text">With its brackets.</param>
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (text.Length < 3 || text[0] != (byte)'[' || text[^1] != (byte)']')
        {
            return false;
        }

        var cursor = new AsciiCursor(text[1..^1]);
        var isV6 = cursor.TryTakeWord("IPv6:"u8);
        return AddressText.TryParse(cursor.Rest, isV6, out _);
    }
}
