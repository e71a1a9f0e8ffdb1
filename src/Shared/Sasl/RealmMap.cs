using System.Collections.Frozen;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// From a Kerberos realm or NTLM domain to the mail domain of its users: the domain of the same name, unless the
/// administrator named another one. Nothing else leads from a realm into a domain: a domain that was given to a realm
/// is no other realm's any more, whatever its name.
/// </summary>
public sealed class RealmMap(IEnumerable<KeyValuePair<string, string>> entries)
{
    /// <summary>Every realm is the domain of its name.</summary>
    public static readonly RealmMap Same = new([]);

    private readonly FrozenDictionary<string, string> _domains =
        entries.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenSet<string> _given =
        entries.Select(entry => entry.Value).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>In lower case; null: the domain of this name belongs to another realm.</summary>
    public string? DomainOf(string realm) =>
        _domains.TryGetValue(realm, out var domain) ? domain.ToLowerInvariant()
        : _given.Contains(realm) ? null
        : realm.ToLowerInvariant();
}
