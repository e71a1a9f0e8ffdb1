using System.Globalization;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// A unique-id that came with a message from another server and is kept to the letter (STANXPOP3-C0009). RFC 1939 §7:
/// 1 to 70 characters of 0x21 to 0x7E.
/// </summary>
public static class ForeignUniqueId
{
    public const int OctetsMax = 70;

    public static bool IsValid(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= OctetsMax && !text.ContainsAnyExceptInRange('!', '~');

    /// <summary>
    /// The message number that looks the same, if one may ever be given (<see cref="MessageNumber.First"/>): a decimal
    /// number without leading zeros in 63 bits.
    /// </summary>
    public static MessageNumber? AsNumber(ReadOnlySpan<char> text) =>
        text.Length > 0 && text[0] is >= '1' and <= '9'
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= MessageNumber.First
            ? new MessageNumber(number)
            : null;
}
