using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Import;

/// <summary>
/// The line before each message of an mbox (RFC 4155): "From sender Fri Jul 8 12:08:34 2011", the time perhaps without
/// seconds, the year perhaps before or behind a time zone. A line without a date is none.
/// </summary>
internal static class MboxPostmark
{
    private static readonly string[] Days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    private static readonly string[] Months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    /// <param name="line">With or without its end.</param>
    /// <param name="date">In UTC where the line names no offset.</param>
    public static bool TryParse(ReadOnlySpan<byte> line, out DateTimeOffset date)
    {
        date = default;
        if (!line.StartsWith("From "u8))
        {
            return false;
        }

        var words = Encoding.Latin1.GetString(line).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

        // The last that fits: an address may have words in it.
        for (var at = words.Length - 4; at >= 1; at--)
        {
            var month = Array.IndexOf(Months, words[at + 1]) + 1;
            if (month > 0 && Array.IndexOf(Days, words[at]) >= 0
                && TryDate(words.AsSpan(at + 2), month, out date))
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="words">Day of the month, time, then a year and perhaps a zone.</param>
    private static bool TryDate(ReadOnlySpan<string> words, int month, out DateTimeOffset date)
    {
        date = default;
        if (words.Length < 3 || !int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var day)
            || !TimeOnly.TryParseExact(
                words[1], ["HH:mm:ss", "HH:mm", "H:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None,
                out var time))
        {
            return false;
        }

        var year = 0;
        var offset = TimeSpan.Zero;
        foreach (var word in words[2..])
        {
            if (year == 0 && word.Length == 4 && int.TryParse(
                word, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                year = number;
            }
            else if (word.Length == 5 && word[0] is ('+' or '-') && int.TryParse(
                word.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var zone)
                && zone <= 1400 && zone % 100 < 60)
            {
                offset = new TimeSpan(zone / 100, zone % 100, 0) * (word[0] == '-' ? -1 : 1);
            }
        }

        if (year < 1970 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        date = new DateTimeOffset(new DateOnly(year, month, day), time, offset);
        return true;
    }
}
