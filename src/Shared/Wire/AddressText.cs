using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace MailCluster.Shared.Wire;

/// <summary>Addresses as protocols write them: nothing of what inet_aton would let pass.</summary>
public static class AddressText
{
    private const int OctetsMax = 45;

    /// <param name="isV6">
    /// IPv6 with or without an IPv4 tail (RFC 5321 §4.1.3), no scope; otherwise four decimal octets.
    /// </param>
    public static bool TryParse(ReadOnlySpan<byte> text, bool isV6, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        return isV6 ? TryParseV6(text, out address) : TryParseV4(text, out address);
    }

    private static bool TryParseV4(ReadOnlySpan<byte> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        Span<byte> octets = stackalloc byte[4];
        for (var i = 0; i < 4; i++)
        {
            var end = i == 3 ? text.Length : text.IndexOf((byte)'.');
            if (end is < 1 or > 3 || !AsciiSets.IsAll(text[..end], AsciiSets.Digits)
                || (end > 1 && text[0] == (byte)'0') || !byte.TryParse(text[..end], null, out octets[i]))
            {
                return false;
            }

            text = i == 3 ? [] : text[(end + 1)..];
        }

        address = new IPAddress(octets);
        return true;
    }

    private static bool TryParseV6(ReadOnlySpan<byte> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (text.Length is < 2 or > OctetsMax || text.IndexOf((byte)':') < 0)
        {
            return false;
        }

        Span<char> characters = stackalloc char[OctetsMax];
        for (var i = 0; i < text.Length; i++)
        {
            if (!AsciiSets.HexDigits.Contains(text[i]) && text[i] is not ((byte)':' or (byte)'.'))
            {
                return false;
            }

            characters[i] = (char)text[i];
        }

        return IPAddress.TryParse(characters[..text.Length], out address);
    }
}
