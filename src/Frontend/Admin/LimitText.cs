using System.Globalization;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Admin;

/// <summary>Limits as an administrator writes them: a number, "none" or "inherit".</summary>
internal static class LimitText
{
    private const string None = "none";
    private const string Inherit = "inherit";
    private const string Suffixes = "KMGTPE";

    /// <summary>A number of octets, or one of a power of 1024: "500M", "10G".</summary>
    public static bool TryStorage(string text, out long? value)
    {
        if (TryWord(text, out value))
        {
            return true;
        }

        var unit = text.Length == 0 ? -1 : Suffixes.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal);
        var digits = unit < 0 ? text : text[..^1];
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number > MailboxLimits.StorageOctetsMax >> (10 * (unit + 1)))
        {
            return false;
        }

        value = number << (10 * (unit + 1));
        return true;
    }

    public static bool TryNumber(string text, int max, out long? value)
    {
        if (TryWord(text, out value))
        {
            return true;
        }

        var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        value = number;
        return isNumber && number >= 1 && number <= max;
    }

    private static bool TryWord(string text, out long? value)
    {
        value = text.Equals(None, StringComparison.OrdinalIgnoreCase) ? MailboxLimits.None : null;
        return value is not null || text.Equals(Inherit, StringComparison.OrdinalIgnoreCase);
    }
}
