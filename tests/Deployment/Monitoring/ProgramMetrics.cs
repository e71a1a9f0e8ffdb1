using System.Text.RegularExpressions;
using MailCluster.Deployment.Documents;

namespace MailCluster.Deployment.Monitoring;

/// <summary>The series that a node gives: docs/metrics.md, and the instruments of src/ that are not in it
/// yet.</summary>
internal static partial class ProgramMetrics
{
    public static HashSet<string> Read()
    {
        var names = new HashSet<string>();
        foreach (Match row in Row().Matches(Repository.Read("docs/metrics.md")))
        {
            names.UnionWith(SeriesOf(row.Groups[1].Value, row.Groups[2].Value));
        }

        foreach (var text in Sources())
        {
            foreach (Match instrument in Instrument().Matches(text))
            {
                names.UnionWith(SeriesOf(instrument.Groups[1].Value, instrument.Groups[2].Value,
                    instrument.Groups[3].Value));
            }
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

    /// <summary>As the exporter names them: unit and kind behind the name.</summary>
    private static string[] SeriesOf(string kind, string name, string unit)
    {
        var series = name.Replace('.', '_')
            + (unit switch { "s" => "_seconds", "By" => "_bytes", "1" => "_ratio", _ => "" });
        return kind.EndsWith("Histogram", StringComparison.Ordinal) ? SeriesOf(series, "histogram")
            : kind.EndsWith("UpDownCounter", StringComparison.Ordinal)
                || kind.EndsWith("Gauge", StringComparison.Ordinal)
                ? [series]
                : [$"{series}_total"];
    }

    [GeneratedRegex(@"^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"Create(\w+?)(?:<\w+>)?\(\s*""(mailcluster[a-z0-9_.]+)""(?:, [^""]*?)?,\s*""([^""]*)""")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"(?:new|object\?>)\(\s*""([a-z_]+)""")]
    private static partial Regex Tag();
}
