using System.Reflection;

namespace MailCluster.Frontend;

internal static class ProgramVersion
{
    /// <summary>As built: "0.1.0+commit".</summary>
    public static string Text { get; } =
        typeof(ProgramVersion)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
}
