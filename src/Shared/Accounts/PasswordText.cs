using System.Globalization;
using System.Text;

namespace MailCluster.Shared.Accounts;

/// <summary>
/// How a password is written before it is hashed: the part of SASLprep (RFC 4013 §2) that matters in practice: other
/// spaces become SPACE, soft hyphens and their like go, control characters are refused. There is no composition (NFKC):
/// it needs the tables of ICU, which a program without globalization does not have; keyboards and SCRAM clients give
/// composed text.
/// </summary>
public static class PasswordText
{
    /// <summary>UTF-16 code units; far above any password, far below a burden.</summary>
    public const int LengthMax = 1024;

    /// <summary>False: empty, too long, not well-formed UTF-16 or with a control character (RFC 4013 §2.3).</summary>
    public static bool TryPrepare(string password, out string prepared)
    {
        prepared = password;
        if (password.Length is 0 or > LengthMax || HasControl(password))
        {
            return false;
        }

        if (Ascii.IsValid(password))
        {
            return true;
        }

        return TryMap(password, out prepared) && prepared.Length > 0;
    }

    /// <summary>C0, DEL or C1 (RFC 3454 tables C.2.1 and C.2.2).</summary>
    public static bool HasControl(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (char.IsControl(character))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryMap(string password, out string mapped)
    {
        mapped = string.Empty;
        var text = new StringBuilder(password.Length);
        var rest = password.AsSpan();
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out var rune, out var taken) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            rest = rest[taken..];
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator)
            {
                text.Append(' ');
            }
            else if (!IsMappedToNothing(rune.Value))
            {
                text.Append(rune);
            }
        }

        mapped = text.ToString();
        return true;
    }

    /// <summary>RFC 3454 table B.1.</summary>
    private static bool IsMappedToNothing(int value) => value
        is 0x00AD or 0x034F or 0x1806 or (>= 0x180B and <= 0x180D) or (>= 0x200B and <= 0x200D) or 0x2060
        or (>= 0xFE00 and <= 0xFE0F) or 0xFEFF;
}
