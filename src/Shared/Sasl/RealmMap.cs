using System.Collections.Frozen;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// From a Kerberos realm or NTLM domain to the mail domain of its users: the domain of the same name, unless the
/// administrator named another one. Nothing else leads from a realm into a domain.
/// </summary>
public sealed class RealmMap(IEnumerable<KeyValuePair<string, string>> entries)
{
    /// <summary>Every realm is the domain of its name.</summary>
    public static readonly RealmMap Same = new([]);

    private readonly FrozenDictionary<string, string> _domains =
        entries.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>In lower case.</summary>
    public string DomainOf(string realm) => _domains.GetValueOrDefault(realm, realm).ToLowerInvariant();
}
