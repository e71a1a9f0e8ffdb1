using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

/// <param name="Realm">Of Kerberos, or a domain of NTLM; compared without case.</param>
/// <param name="Domain">The mail domain of its users.</param>
public sealed record RealmOptions(string Realm, string Domain)
{
    internal static RealmOptions Read(OptionReader reader)
    {
        foreach (var key in (ReadOnlySpan<string>)["Realm", "Domain"])
        {
            if (!reader.IsSet(key))
            {
                reader.Fault(key, "a name; there is no default");
            }
        }

        return new(
            reader.Text("Realm", "", "A Kerberos realm (\"CORP.EXAMPLE\") or an NTLM domain (\"CORP\"); case does not count.",
                "none: it must be given"),
            reader.Text("Domain", "", "The mail domain whose users log in from there.", "none: it must be given"));
    }
}

/// <summary>How users prove who they are.</summary>
/// <param name="NtlmUserFile">Null: what NTLM_USER_FILE names.</param>
/// <param name="KerberosKeytabFile">Null: what KRB5_KTNAME names.</param>
public sealed record LogonOptions(
    int ScramIterations, int MaxCachedLogons, string? NtlmUserFile, string? KerberosKeytabFile,
    ImmutableArray<RealmOptions> Realms)
{
    /// <summary>Null: not counted.</summary>
    public int? MaxLogonFailuresPerSource { get; init; }

    /// <summary>Null: not counted.</summary>
    public int? MaxLogonFailuresPerUser { get; init; }

    public TimeSpan LogonFailureWindow { get; init; }

    public TimeSpan MaxLogonDelay { get; init; }

    internal static LogonOptions Read(OptionReader reader)
    {
        var options = new LogonOptions(
            reader.Number("ScramIterations", 4096, 4096, 10_000_000,
                "PBKDF2 rounds of new passwords (RFC 7677 §4: at least 4096); a stored password keeps the count it was made with."),
            reader.Number("MaxCachedLogons", 100_000, 0, 16_777_216,
                "Recent successful logins remembered by a keyed hash, so that a polling client does not cost a derivation each time; 0: none."),
            reader.OptionalText("NtlmUserFile",
                "DOMAIN:user:password per line, for gss-ntlmssp, since NTLM needs the password itself. Read at each login; mode 0600. "
                    + "null: the file that NTLM_USER_FILE names, or no NTLM. Whoever writes it logs in as anybody of the domains it names."),
            reader.OptionalText("KerberosKeytabFile",
                "Keys of smtp/HOST and pop/HOST, where HOST is what clients connect to. Tickets for any key in it are taken, "
                    + "so it should hold no others. null: the file that KRB5_KTNAME names, or no GSSAPI."),
            reader.Sections("Realms", "[]",
                "Realms whose users have another mail domain than the realm's name in lower case; no other realm leads into a domain "
                    + "that is not called like it.",
                [], RealmOptions.Read))
        {
            MaxLogonFailuresPerSource = reader.Limit("MaxLogonFailuresPerSource", 100, 1, 1_000_000,
                "Failed logins from one address within LogonFailureWindow, over all connections of POP3 and SMTP; beyond it a login there "
                    + "is a temporary failure (decision 10). 100: as many customers behind one address who each mistype once."),
            MaxLogonFailuresPerUser = reader.Limit("MaxLogonFailuresPerUser", 50, 1, 1_000_000,
                "The same for one user name, from all addresses it has not logged in from for a day, and for each one it has by itself."),
            LogonFailureWindow = reader.Duration(
                "LogonFailureWindow", TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(1), TimeSpan.FromDays(1),
                "In which as many failed logins as are allowed are forgotten, one by one; the default makes the next attempt a matter of seconds."),
            MaxLogonDelay = reader.Duration(
                "MaxLogonDelay", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromSeconds(30),
                "The longest wait before a login is looked at; the first 5 failures cost none, each further one doubles it from 250 ms."),
        };
        if (options.Realms.Select(entry => entry.Realm.ToUpperInvariant()).Distinct().Count() < options.Realms.Length)
        {
            reader.Fault("Realms", "each realm once");
        }

        return options;
    }
}
