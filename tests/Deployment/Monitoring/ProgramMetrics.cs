using System.Text.RegularExpressions;
using MailCluster.Deployment.Documents;

namespace MailCluster.Deployment.Monitoring;

/// <summary>The series that a node gives: docs/metrics.md, which is made from a node that was put together.</summary>
internal static partial class ProgramMetrics
{
    public static HashSet<string> Read()
    {
        var names = new HashSet<string>();
        foreach (Match row in Row().Matches(Repository.Read("docs/metrics.md")))
        {
            names.UnionWith(SeriesOf(row.Groups[1].Value, row.Groups[2].Value));
        }

        return names;
    }

    /// <summary>Keys of the tags in src/.</summary>
    public static HashSet<string> Labels() =>
        [.. Sources().SelectMany(text => Tag().Matches(text)).Select(match => match.Groups[1].Value)];

    private static IEnumerable<string> Sources() =>
        Directory.GetFiles(Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText)
            .Where(text => text.Contains("System.Diagnostics.Metrics", StringComparison.Ordinal));

    private static string[] SeriesOf(string name, string kind) => kind == "histogram"
        ? [$"{name}_bucket", $"{name}_sum", $"{name}_count"] : [name];

    [GeneratedRegex(@"^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"(?:new|object\?>)\(\s*""([a-z_]+)""")]
    private static partial Regex Tag();
}
