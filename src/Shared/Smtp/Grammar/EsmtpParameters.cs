using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>Why a parameter is refused.</summary>
public enum EsmtpParameterFault
{
    None,

    /// <summary>501 5.5.4 (RFC 5321 §4.2.2).</summary>
    Syntax,

    /// <summary>555 5.5.4 (RFC 5321 §4.1.1.11).</summary>
    Unknown,
}

/// <summary>
/// RFC 5321 §4.1.2. Mail-parameters = esmtp-param *(SP esmtp-param); esmtp-param = esmtp-keyword ["=" esmtp-value].
/// </summary>
public static class EsmtpParameters
{
    /// <summary>The next parameter, behind its space.</summary>
    /// <param name="keyword">Empty at the end of the line.</param>
    /// <param name="hasValue">"=" was there.</param>
    /// <returns>False: a fault.</returns>
    public static bool TryNext(
        ref AsciiCursor cursor, out ReadOnlySpan<byte> keyword, out bool hasValue, out ReadOnlySpan<byte> value)
    {
        keyword = default;
        value = default;
        hasValue = false;
        if (cursor.IsAtEnd)
        {
            return true;
        }

        if (cursor.SkipSpaces() == 0)
        {
            return cursor.Fail();
        }

        keyword = cursor.TakeWhile(AsciiSets.Keyword);
        if (keyword.IsEmpty || keyword[0] == (byte)'-')
        {
            return cursor.Fail();
        }

        hasValue = cursor.TryTake((byte)'=');
        if (hasValue)
        {
            value = cursor.TakeWhile(AsciiSets.EsmtpValue);
            if (value.IsEmpty)
            {
                return cursor.Fail();
            }
        }

        return cursor.IsAtEnd || cursor.IsNext((byte)' ') || cursor.Fail();
    }

    /// <summary>For a command that offers none.</summary>
    public static EsmtpParameterFault ExpectNone(ref AsciiCursor cursor)
    {
        if (!TryNext(ref cursor, out var keyword, out _, out _))
        {
            return EsmtpParameterFault.Syntax;
        }

        return keyword.IsEmpty ? EsmtpParameterFault.None : EsmtpParameterFault.Unknown;
    }
}
