namespace MailCluster.Actors.Accounts;

/// <summary>
/// An address as it is compared: the domain in ASCII lower case, the local part in invariant lower case (a hoster's
/// users do not tell Alice from alice, though RFC 5321 §2.4 would let them).
/// </summary>
internal readonly record struct AddressName(string LocalPart, string Domain)
{
    public const string Postmaster = "postmaster";

    /// <summary>
    /// RFC 5321 §4.5.3.1.1: 64 octets of local part. In characters, so never stricter than the clause.
    /// </summary>
    private const int LocalPartMax = 64;

    /// <summary>RFC 5321 §4.5.3.1.2.</summary>
    private const int DomainMax = 255;

    public bool IsPostmaster => LocalPart == Postmaster;

    /// <summary>False for what no stored name can equal: it is not looked up and takes no room in a cache.</summary>
    public static bool TryFold(string localPart, string domain, out AddressName name)
    {
        name = default;
        if (localPart.Length is 0 or > LocalPartMax || domain.Length is 0 or > DomainMax || domain[0] == '[')
        {
            return false;
        }

        name = new AddressName(localPart.ToLowerInvariant(), FoldDomain(domain));
        return true;
    }

    /// <summary>Splits at the last "@": a quoted local part may hold others.</summary>
    public static bool TryParse(string address, out AddressName name)
    {
        var at = address.LastIndexOf('@');
        if (at < 0)
        {
            name = default;
            return false;
        }

        return TryFold(address[..at], address[(at + 1)..], out name);
    }

    public static string FoldDomain(string domain)
    {
        foreach (var character in domain)
        {
            if (char.IsAsciiLetterUpper(character))
            {
                return string.Create(domain.Length, domain, static (folded, domain) =>
                {
                    for (var i = 0; i < folded.Length; i++)
                    {
                        folded[i] = char.IsAsciiLetterUpper(domain[i]) ? (char)(domain[i] | 0x20) : domain[i];
                    }
                });
            }
        }

        return domain;
    }

    /// <summary>user+tag → user. False when there is no tag, or nothing before it.</summary>
    public bool TryWithoutTag(out AddressName name)
    {
        var plus = LocalPart.IndexOf('+', StringComparison.Ordinal);
        name = plus > 0 ? this with { LocalPart = LocalPart[..plus] } : default;
        return plus > 0;
    }

    public override string ToString() => $"{LocalPart}@{Domain}";
}
