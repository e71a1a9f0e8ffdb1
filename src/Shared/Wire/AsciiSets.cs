using System.Buffers;

namespace MailCluster.Shared.Wire;

/// <summary>Classes of octets, each with its ABNF name.</summary>
public static class AsciiSets
{
    private const string LettersText = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string DigitsText = "0123456789";

    /// <summary>DIGIT (RFC 5234 §B.1).</summary>
    public static readonly SearchValues<byte> Digits = Of(DigitsText);

    /// <summary>HEXDIG in either case (RFC 5234 §B.1).</summary>
    public static readonly SearchValues<byte> HexDigits = Of(DigitsText + "ABCDEFabcdef");

    /// <summary>Let-dig (RFC 5321 §4.1.2).</summary>
    public static readonly SearchValues<byte> LettersDigits = Of(LettersText + DigitsText);

    /// <summary>esmtp-keyword after its first octet (RFC 5321 §4.1.2): ALPHA / DIGIT / "-".</summary>
    public static readonly SearchValues<byte> Keyword = Of(LettersText + DigitsText + "-");

    /// <summary>Ldh-str (RFC 5321 §4.1.2), and the underscore that many host names carry in spite of it.</summary>
    public static readonly SearchValues<byte> HostName = Of(LettersText + DigitsText + "-_");

    /// <summary>
    /// Of the name that a client gives itself in EHLO or HELO: no character that means something in Received:.
    /// </summary>
    public static readonly SearchValues<byte> HeloName = Of(LettersText + DigitsText + "-_.:");

    /// <summary>atext (RFC 5322 §3.2.3).</summary>
    public static readonly SearchValues<byte> Atext = Of(LettersText + DigitsText + "!#$%&'*+-/=?^_`{|}~");

    /// <summary>
    /// esmtp-value (RFC 5321 §4.1.2): %d33-60 / %d62-126; with SMTPUTF8 any UTF-8 as well (RFC 6531 §3.3).
    /// </summary>
    public static readonly SearchValues<byte> EsmtpValue =
        Where(x => x is >= 33 and <= 126 and not (byte)'=' or >= 0x80);

    /// <summary>dcontent (RFC 5321 §4.1.3): %d33-90 / %d94-126.</summary>
    public static readonly SearchValues<byte> Dcontent = Where(x => x is >= 33 and <= 90 or >= 94 and <= 126);

    /// <summary>ftext (RFC 5322 §2.2): %d33-57 / %d59-126.</summary>
    public static readonly SearchValues<byte> FieldName = Where(x => x is >= 33 and <= 126 and not (byte)':');

    /// <summary>sasl-mech (RFC 4422 §3.1), letters in either case.</summary>
    public static readonly SearchValues<byte> SaslMechanism = Of(LettersText + DigitsText + "-_");

    public static bool IsAll(ReadOnlySpan<byte> text, SearchValues<byte> set) => text.IndexOfAnyExcept(set) < 0;

    private static SearchValues<byte> Of(string members) =>
        Where(x => members.Contains((char)x, StringComparison.Ordinal));

    private static SearchValues<byte> Where(Predicate<byte> isMember)
    {
        Span<byte> members = stackalloc byte[256];
        var count = 0;
        for (var x = 0; x < 256; x++)
        {
            if (isMember((byte)x))
            {
                members[count++] = (byte)x;
            }
        }

        return SearchValues.Create(members[..count]);
    }
}
