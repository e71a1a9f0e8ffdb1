using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>RFC 3461 §4. xtext = *( xchar / hexchar ); hexchar = "+" 2(%x30-39 / %x41-46), upper case only.</summary>
public static class Xtext
{
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is < 33 or > 126 or (byte)'=')
            {
                return false;
            }

            if (text[i] == (byte)'+')
            {
                if (text.Length - i < 3 || !IsUpperHex(text[i + 1]) || !IsUpperHex(text[i + 2]))
                {
                    return false;
                }

                i += 2;
            }
        }

        return true;
    }

    private static bool IsUpperHex(byte octet) => AsciiSets.HexDigits.Contains(octet) && octet < (byte)'a';
}
