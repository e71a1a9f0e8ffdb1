using System.Buffers;
using System.Text;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>
/// RFC 5321 §4.1.2. Path = "&lt;" [ A-d-l ":" ] Mailbox "&gt;"; Mailbox = Local-part "@" ( Domain / address-literal ).
/// A source route is read and dropped (Appendix C). UTF-8 is taken here (RFC 6531 §3.3); the command asks for SMTPUTF8.
/// </summary>
public static class MailPath
{
    /// <summary>RFC 5321 §4.5.3.1.1; of the unquoted local-part.</summary>
    public const int LocalPartOctetsMax = 64;

    /// <summary>RFC 5321 §4.5.3.1.3, of a path with its brackets, here without its source route.</summary>
    public const int PathOctetsMax = 256;

    /// <summary>Reverse-path = Path / "&lt;&gt;".</summary>
    public static bool TryParseReverse(ref AsciiCursor cursor, out SmtpPath path)
    {
        path = SmtpPath.Null;
        return cursor.TryTakeWord("<>"u8) || TryParse(ref cursor, isForward: false, out path);
    }

    /// <summary>Forward-path = Path / "&lt;Postmaster&gt;" (RFC 5321 §4.1.1.3, §4.5.1).</summary>
    public static bool TryParseForward(ref AsciiCursor cursor, out SmtpPath path) =>
        TryParse(ref cursor, isForward: true, out path);

    private static bool TryParse(ref AsciiCursor cursor, bool isForward, out SmtpPath path)
    {
        path = SmtpPath.Null;
        if (!cursor.Expect((byte)'<') || !SkipSourceRoute(ref cursor))
        {
            return false;
        }

        var before = cursor.Rest.Length;
        if (!TryLocalPart(ref cursor, out var local))
        {
            return cursor.Fail();
        }

        if (isForward && cursor.IsNext((byte)'>') && local.Equals("postmaster", StringComparison.OrdinalIgnoreCase))
        {
            cursor.Take(1);
            path = new(local, null);
            return true;
        }

        if (!cursor.Expect((byte)'@'))
        {
            return false;
        }

        var domain = TakeDomain(ref cursor);
        if (domain.IsEmpty || !cursor.Expect((byte)'>') || before - cursor.Rest.Length > PathOctetsMax - 1)
        {
            return cursor.Fail();
        }

        path = new(local, Encoding.UTF8.GetString(domain));
        return true;
    }

    /// <summary>A-d-l = At-domain *( "," At-domain ); At-domain = "@" Domain.</summary>
    private static bool SkipSourceRoute(ref AsciiCursor cursor)
    {
        if (!cursor.IsNext((byte)'@'))
        {
            return true;
        }

        do
        {
            if (!cursor.Expect((byte)'@') || TakeDomain(ref cursor).IsEmpty)
            {
                return cursor.Fail();
            }
        }
        while (cursor.TryTake((byte)','));

        return cursor.Expect((byte)':');
    }

    /// <summary>Empty when there is none.</summary>
    private static ReadOnlySpan<byte> TakeDomain(ref AsciiCursor cursor)
    {
        var rest = cursor.Rest;
        if (cursor.IsNext((byte)'['))
        {
            var end = rest.IndexOf((byte)']') + 1;
            return end > 0 && AddressLiteral.IsValid(rest[..end]) ? cursor.Take(end) : [];
        }

        var length = 0;
        while (length < rest.Length && IsDottedMember(rest[length], AsciiSets.HostName))
        {
            length++;
        }

        return Domain.IsValid(rest[..length]) ? cursor.Take(length) : [];
    }

    /// <summary>Local-part = Dot-string / Quoted-string.</summary>
    private static bool TryLocalPart(ref AsciiCursor cursor, out string local)
    {
        Span<byte> unquoted = stackalloc byte[LocalPartOctetsMax];
        local = string.Empty;
        var length = cursor.TryTake((byte)'"') ? TakeQuoted(ref cursor, unquoted) : TakeDotString(ref cursor, unquoted);
        if (length == 0 || !Utf8Text.IsValid(unquoted[..length]))
        {
            return false;
        }

        local = Encoding.UTF8.GetString(unquoted[..length]);
        return true;
    }

    private static bool IsDottedMember(byte octet, SearchValues<byte> set) =>
        octet is >= 0x80 or (byte)'.' || set.Contains(octet);

    /// <summary>Dot-string = Atom *("." Atom); Atom = 1*( atext / UTF8-non-ascii ).</summary>
    private static int TakeDotString(ref AsciiCursor cursor, scoped Span<byte> output)
    {
        var rest = cursor.Rest;
        var length = 0;
        while (length < rest.Length && IsDottedMember(rest[length], AsciiSets.Atext))
        {
            length++;
        }

        var text = rest[..length];
        if (length is 0 or > LocalPartOctetsMax
            || text[0] == (byte)'.' || text[^1] == (byte)'.' || text.IndexOf(".."u8) >= 0)
        {
            return 0;
        }

        cursor.Take(length).CopyTo(output);
        return length;
    }

    /// <summary>
    /// Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP / UTF8-non-ascii ) DQUOTE; the first quote is taken.
    /// Octets of the
    /// content, 0 when it is at fault, empty or too long.
    /// </summary>
    private static int TakeQuoted(ref AsciiCursor cursor, scoped Span<byte> output)
    {
        var rest = cursor.Rest;
        var length = 0;
        for (var i = 0; i < rest.Length; i++)
        {
            if (rest[i] == (byte)'"')
            {
                cursor.Take(i + 1);
                return length;
            }

            if (rest[i] == (byte)'\\' && (++i == rest.Length || rest[i] >= 0x80))
            {
                return 0;
            }

            if (rest[i] is < 0x20 or 0x7F || length == output.Length)
            {
                return 0;
            }

            output[length++] = rest[i];
        }

        return 0;
    }
}
