using System.Text;
using System.Text.Unicode;

namespace MailCluster.Shared.Wire;

/// <summary>UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.</summary>
public static class Utf8Text
{
    /// <summary>Well-formed, and without the control characters of C1 that US-ASCII classes do not see.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text))
        {
            return true;
        }

        return Utf8.IsValid(text) && !HasC1Control(text);
    }

    /// <summary>U+0080..U+009F are C2 80..C2 9F.</summary>
    private static bool HasC1Control(ReadOnlySpan<byte> text)
    {
        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] == 0xC2 && text[i + 1] is >= 0x80 and <= 0x9F)
            {
                return true;
            }
        }

        return false;
    }
}
