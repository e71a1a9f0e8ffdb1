using System.Globalization;
using System.Text;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>The parameters of MAIL that this server offers.</summary>
/// <param name="Size">SIZE= in octets (RFC 1870 §4); 0 when not given.</param>
/// <param name="Body">BODY= (RFC 6152 §2, RFC 3030 §3).</param>
/// <param name="IsSmtpUtf8">SMTPUTF8 (RFC 6531 §3.4).</param>
public readonly record struct MailParameters(long Size, SmtpBodyKind Body, bool IsSmtpUtf8)
{
    /// <summary>size-value = 1*20DIGIT (RFC 1870 §3).</summary>
    private const int SizeDigitsMax = 20;

    [Flags]
    private enum Seen
    {
        None = 0,
        Size = 1,
        Body = 2,
        Utf8 = 4,
        Auth = 8,
    }

    /// <param name="isExtended">After HELO no parameter is known (RFC 5321 §4.1.1.11).</param>
    /// <param name="offersAuth">AUTH= belongs to the extension (RFC 4954 §3).</param>
    public static EsmtpParameterFault Parse(
        ref AsciiCursor cursor, bool isExtended, bool offersAuth, out MailParameters parameters)
    {
        parameters = default;
        var seen = Seen.None;
        var isUnknown = false;
        while (true)
        {
            if (!EsmtpParameters.TryNext(ref cursor, out var keyword, out var hasValue, out var value))
            {
                return EsmtpParameterFault.Syntax;
            }

            if (keyword.IsEmpty)
            {
                return isUnknown ? EsmtpParameterFault.Unknown : EsmtpParameterFault.None;
            }

            var which = isExtended ? Which(keyword, offersAuth) : Seen.None;
            isUnknown |= which == Seen.None;
            if ((seen & which) != 0 || !TrySet(which, hasValue, value, ref parameters))
            {
                return EsmtpParameterFault.Syntax;
            }

            seen |= which;
        }
    }

    private static Seen Which(ReadOnlySpan<byte> keyword, bool offersAuth) =>
        Ascii.EqualsIgnoreCase(keyword, "SIZE"u8) ? Seen.Size
        : Ascii.EqualsIgnoreCase(keyword, "BODY"u8) ? Seen.Body
        : Ascii.EqualsIgnoreCase(keyword, "SMTPUTF8"u8) ? Seen.Utf8
        : offersAuth && Ascii.EqualsIgnoreCase(keyword, "AUTH"u8) ? Seen.Auth
        : Seen.None;

    private static bool TrySet(Seen which, bool hasValue, ReadOnlySpan<byte> value, ref MailParameters parameters)
    {
        switch (which)
        {
            case Seen.Size:
                var isSize = TrySize(value, out var size);
                parameters = parameters with { Size = size };
                return isSize;
            case Seen.Body:
                var isBody = TryBody(value, out var body);
                parameters = parameters with { Body = body };
                return isBody;
            case Seen.Utf8:
                parameters = parameters with { IsSmtpUtf8 = true };
                return !hasValue;
            case Seen.Auth:
                // Only a trusted relay's word would count (RFC 4954 §5); from anyone else it is as good as <>.
                return hasValue && Xtext.IsValid(value);
            default:
                return true;
        }
    }

    /// <summary>More than any message: the largest number there is, so that it is refused for its size.</summary>
    private static bool TrySize(ReadOnlySpan<byte> value, out long size)
    {
        size = 0;
        if (value.Length is 0 or > SizeDigitsMax || !AsciiSets.IsAll(value, AsciiSets.Digits))
        {
            return false;
        }

        if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out size))
        {
            size = long.MaxValue;
        }

        return true;
    }

    private static bool TryBody(ReadOnlySpan<byte> value, out SmtpBodyKind body)
    {
        body = SmtpBodyKind.SevenBit;
        if (Ascii.EqualsIgnoreCase(value, "8BITMIME"u8))
        {
            body = SmtpBodyKind.EightBitMime;
            return true;
        }

        if (Ascii.EqualsIgnoreCase(value, "BINARYMIME"u8))
        {
            body = SmtpBodyKind.BinaryMime;
            return true;
        }

        return Ascii.EqualsIgnoreCase(value, "7BIT"u8);
    }
}
