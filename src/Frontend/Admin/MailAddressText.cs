using System.Text;

namespace MailCluster.Frontend.Admin;

/// <summary>
/// Names as an administrator gives them. Narrower than SMTP: a local part of ours is a dot-atom (RFC 5321 §4.1.2, RFC
/// 6531 §3.3), since a quoted one only makes trouble.
/// </summary>
internal static class MailAddressText
{
    private const int DomainOctetsMax = 255;
    private const int LabelOctetsMax = 63;
    private const int LocalPartOctetsMax = 64;

    /// <summary>Null when the name is a domain; otherwise what is wrong, for the administrator.</summary>
    public static string? DomainFault(string name)
    {
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > DomainOctetsMax)
        {
            return $"a domain has 1 to {DomainOctetsMax} octets (RFC 5321 §4.5.3.1.2)";
        }

        foreach (var range in name.AsSpan().Split('.'))
        {
            var label = name.AsSpan()[range];
            if (label.IsEmpty || Encoding.UTF8.GetByteCount(label) > LabelOctetsMax || label[0] == '-'
                || label[^1] == '-')
            {
                return $"each label of a domain has 1 to {LabelOctetsMax} octets and no hyphen at its ends (RFC 1035 §2.3.1)";
            }

            foreach (var character in label)
            {
                if (char.IsAscii(character) ? !char.IsAsciiLetterOrDigit(character) && character != '-'
                    : !IsVisible(character))
                {
                    return "a domain has letters, digits, hyphens and dots only (RFC 5321 §4.1.2)";
                }
            }
        }

        return null;
    }

    public static string? LocalPartFault(string localPart)
    {
        if (localPart.Length == 0 || Encoding.UTF8.GetByteCount(localPart) > LocalPartOctetsMax)
        {
            return $"the part before the @ has 1 to {LocalPartOctetsMax} octets (RFC 5321 §4.5.3.1.1)";
        }

        if (localPart[0] == '.' || localPart[^1] == '.' || localPart.Contains("..", StringComparison.Ordinal))
        {
            return "dots stand between other characters only (RFC 5321 §4.1.2)";
        }

        foreach (var character in localPart)
        {
            if (!(char.IsAscii(character) ? IsAtomText(character) : IsVisible(character)))
            {
                return $"'{(char.IsControl(character) ? '?' : character)}' cannot stand before the @ (RFC 5321 §4.1.2)";
            }
        }

        return null;
    }

    /// <summary>False with what is wrong.</summary>
    public static bool TrySplit(string address, out string localPart, out string domain, out string fault)
    {
        var at = address.LastIndexOf('@');
        localPart = at < 0 ? address : address[..at];
        domain = at < 0 ? "" : address[(at + 1)..];
        fault = at < 0
            ? "an address is name@domain"
            : LocalPartFault(localPart) ?? DomainFault(domain) ?? "";
        return fault.Length == 0;
    }

    /// <summary>atext of RFC 5322 §3.2.3, and the dot.</summary>
    private static bool IsAtomText(char character) =>
        char.IsAsciiLetterOrDigit(character) || "!#$%&'*+-/=?^_`{|}~.".Contains(character);

    private static bool IsVisible(char character) => !char.IsControl(character) && !char.IsWhiteSpace(character);
}
