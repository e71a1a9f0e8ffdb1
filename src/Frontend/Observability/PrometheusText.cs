using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>The text exposition format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void Header(StringBuilder output, string name, string? help, MetricKind kind)
    {
        output.Append("# HELP ").Append(name).Append(' ');
        Escape(output, string.IsNullOrEmpty(help) ? name : help, quotes: false);
        output.Append("\n# TYPE ").Append(name).Append(' ').Append(kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Gauge => "gauge",
            _ => "histogram",
        }).Append('\n');
    }

    public static void Sample(StringBuilder output, string name, string labels, double value)
    {
        output.Append(name);
        if (labels.Length > 0)
        {
            output.Append('{').Append(labels).Append('}');
        }

        output.Append(' ');
        if (double.IsFinite(value))
        {
            output.Append(CultureInfo.InvariantCulture, $"{value:R}");
        }
        else
        {
            output.Append(double.IsNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        }

        output.Append('\n');
    }

    /// <summary>A family with one sample and no labels.</summary>
    public static void Single(StringBuilder output, string name, string help, MetricKind kind, double value)
    {
        Header(output, name, help, kind);
        Sample(output, name, "", value);
    }

    /// <summary>Sorted by name, so that the order of the tags at the call does not matter.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var sorted = tags.ToArray();
        Array.Sort(sorted, (left, right) => string.CompareOrdinal(left.Key, right.Key));
        var output = new StringBuilder();
        foreach (var (key, value) in sorted)
        {
            if (output.Length > 0)
            {
                output.Append(',');
            }

            foreach (var character in key)
            {
                output.Append(char.IsAsciiLetterOrDigit(character) ? character : '_');
            }

            output.Append("=\"");
            Escape(output, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quotes: true);
            output.Append('"');
        }

        return output.ToString();
    }

    private static void Escape(StringBuilder output, string text, bool quotes)
    {
        foreach (var character in text)
        {
            _ = character switch
            {
                '\\' => output.Append("\\\\"),
                '\n' => output.Append("\\n"),
                '"' when quotes => output.Append("\\\""),
                _ => output.Append(character),
            };
        }
    }
}
