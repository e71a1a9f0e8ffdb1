using System.Globalization;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>
/// The name of a message's file in a Maildir: seconds "." unique part "." host, then perhaps ":2," and flags, a letter
/// each.
/// </summary>
/// <param name="Unique">Without flags: stays the same as long as the message lives.</param>
/// <param name="Seconds">Since 1970; 0 when the name does not begin with a number.</param>
/// <param name="LosesFlags">There are letters that stand for no system flag (P for passed, keywords).</param>
internal readonly record struct MaildirName(string Unique, long Seconds, MessageAttributes Flags, bool LosesFlags)
    : IComparable<MaildirName>
{
    private const string FlagsMark = ":2,";

    public static MaildirName Parse(string file)
    {
        var colon = file.IndexOf(':', StringComparison.Ordinal);
        var unique = colon < 0 ? file : file[..colon];
        var dot = unique.IndexOf('.', StringComparison.Ordinal);
        _ = long.TryParse(
            unique.AsSpan(0, Math.Max(dot, 0)), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds);
        var flags = MessageAttributes.None;
        var loses = false;
        if (colon >= 0 && file.AsSpan(colon).StartsWith(FlagsMark, StringComparison.Ordinal))
        {
            foreach (var letter in file.AsSpan(colon + FlagsMark.Length))
            {
                var flag = FlagOf(letter);
                flags |= flag;
                loses |= flag == MessageAttributes.None;
            }
        }

        return new MaildirName(unique, seconds, flags, loses);
    }

    /// <summary>By time, then by the unique part, in which numbers count as numbers (M9 before M10).</summary>
    public int CompareTo(MaildirName other)
    {
        var order = Seconds.CompareTo(other.Seconds);
        return order != 0 ? order : Compare(Unique, other.Unique);
    }

    private static int Compare(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        while (!left.IsEmpty && !right.IsEmpty)
        {
            var leftDigits = DigitsOf(left);
            var rightDigits = DigitsOf(right);

            // A longer run of digits is a larger number.
            var order = leftDigits.CompareTo(rightDigits);
            order = order != 0 && leftDigits > 0 && rightDigits > 0
                ? order
                : left[..Math.Max(leftDigits, 1)].SequenceCompareTo(right[..Math.Max(rightDigits, 1)]);
            if (order != 0)
            {
                return order;
            }

            left = left[Math.Max(leftDigits, 1)..];
            right = right[Math.Max(rightDigits, 1)..];
        }

        return left.Length.CompareTo(right.Length);
    }

    private static int DigitsOf(ReadOnlySpan<char> text)
    {
        var other = text.IndexOfAnyExceptInRange('0', '9');
        return other < 0 ? text.Length : other;
    }

    private static MessageAttributes FlagOf(char letter) => letter switch
    {
        'S' => MessageAttributes.Seen,
        'R' => MessageAttributes.Answered,
        'F' => MessageAttributes.Flagged,
        'T' => MessageAttributes.Deleted,
        'D' => MessageAttributes.Draft,
        _ => MessageAttributes.None,
    };
}
