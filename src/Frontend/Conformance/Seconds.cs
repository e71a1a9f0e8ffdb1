using System.Globalization;

namespace MailCluster.Frontend.Conformance;

internal static class Seconds
{
    /// <summary>"5.0 s".</summary>
    public static string Text(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
