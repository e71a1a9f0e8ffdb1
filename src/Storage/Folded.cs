namespace MailCluster.Storage;

/// <summary>How names compare: domains by ASCII lower case, local parts and tenants by invariant lower case.</summary>
internal static class Folded
{
    public static string Domain(string domain) =>
        string.Create(domain.Length, domain, static (folded, source) =>
        {
            for (var index = 0; index < folded.Length; index++)
            {
                folded[index] = char.IsAsciiLetterUpper(source[index]) ? (char)(source[index] | 0x20) : source[index];
            }
        });

    // Invariant lower case is the contract of the directory; upper case would fold more together.
#pragma warning disable CA1308 // the rule asks for upper case
    public static string LocalPart(string localPart) => localPart.ToLowerInvariant();

    public static string Tenant(string tenant) => tenant.ToLowerInvariant();
#pragma warning restore CA1308
}
