using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Grammar;

/// <summary>
/// RFC 5321 §4.1.2. Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str], or a U-label (RFC 6531
/// §3.3).
/// An underscore is let pass, as it is found in the wild.
/// </summary>
public static class Domain
{
    /// <summary>RFC 5321 §4.5.3.1.2.</summary>
    public const int OctetsMax = 255;

    /// <summary>RFC 1035 §2.3.4.</summary>
    public const int LabelOctetsMax = 63;

    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (text.Length is 0 or > OctetsMax)
        {
            return false;
        }

        foreach (var label in text.Split((byte)'.'))
        {
            if (!IsLabel(text[label]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// What EHLO and HELO may say: a domain, an address literal or some name without dots; RFC 5321 §4.1.4 forbids to
    /// refuse
    /// mail for a wrong name, so only its characters and length are looked at.
    /// </summary>
    public static bool IsHeloName(ReadOnlySpan<byte> text)
    {
        if (text.Length is 0 or > OctetsMax)
        {
            return false;
        }

        return text[0] == (byte)'['
            ? text.Length > 2 && text[^1] == (byte)']' && AsciiSets.IsAll(text[1..^1], AsciiSets.Dcontent)
            : AsciiSets.IsAll(text, AsciiSets.HeloName);
    }

    private static bool IsLabel(ReadOnlySpan<byte> label)
    {
        if (label.Length is 0 or > LabelOctetsMax || label[0] == (byte)'-' || label[^1] == (byte)'-')
        {
            return false;
        }

        foreach (var octet in label)
        {
            if (octet < 0x80 && !AsciiSets.HostName.Contains(octet))
            {
                return false;
            }
        }

        return Utf8Text.IsValid(label);
    }
}
