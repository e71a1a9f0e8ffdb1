using System.Text;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Commands;

/// <summary>docs/metrics.md from the instruments of a node that is put together but not started.</summary>
internal static class MetricsDocument
{
    private const string Introduction = """
        # Metrics

        <!-- Made by `mailcluster docs metrics`; a test compares the two. -->

        `GET /metrics` on the HTTP endpoint, in the Prometheus text format 0.0.4. Tags come from closed sets: no
        address, user or mailbox is ever a label. An instrument that was never used says 0 or nothing. Histograms have
        `_bucket`, `_sum` and `_count`.

        | Metric | Type | What |
        |---|---|---|

        """;

    public static async Task<string> WriteAsync()
    {
        var directory = Directory.CreateTempSubdirectory("mailcluster-docs-");
        try
        {
            var options = ConfigurationLoader.Load(null, directory.FullName).Options;
            await using var node = await Composition.OpenAsync(options, Stream.Null, TimeProvider.System);
            node.MakeEveryPart();
            var output = new StringBuilder(Introduction.ReplaceLineEndings("\n"));
            foreach (var (name, kind, help) in node.Metrics.Catalog())
            {
                output.Append(
                    $"| `{name}` | {kind.ToString().ToLowerInvariant()} | {help.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
            }

            return output.ToString();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
