using System.Globalization;
using System.Text;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Reporting;

/// <summary>One page with everything in it: no script, nothing that is fetched, light and dark.</summary>
public static class HtmlReport
{
    private const int StylesMax = 8;
    private const int ReasonsShown = 20;

    private static readonly (double Share, string Text)[] Marks =
    [
        (0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"),
    ];

    public static void Write(string path, LoadResult result, DateTimeOffset now)
    {
        try
        {
            File.WriteAllText(path, Make(result, now));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadFaultException($"The report cannot be written: {exception.Message}");
        }
    }

    public static string Make(LoadResult result, DateTimeOffset now)
    {
        var page = new StringBuilder(256 * 1024);
        page.Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        page.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        page.Append(CultureInfo.InvariantCulture,
            $"<title>{Html.Text(result.Scenario.Name)} - MailCluster load test</title><style>{Style()}</style></head><body><main>");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Html.Text(result.Scenario.Name)}</h1>");
        page.Append(CultureInfo.InvariantCulture,
            $"<p class=\"soft\">{Html.Text(result.Scenario.About)}. Run {result.Run}, ended {now:yyyy-MM-dd HH:mm:ss zzz}.</p>");
        WriteVerdict(page, result);
        WriteBottlenecks(page, result);
        WriteTable(page, result);
        WriteTimeline(page, result);
        WriteCurve(page, result);
        WriteReasons(page, result);
        WriteServer(page, result);
        WriteHow(page, result);
        return page.Append("</main></body></html>").ToString();
    }

    private static void WriteVerdict(StringBuilder page, LoadResult result)
    {
        if (result.Verdict is not { } verdict)
        {
            page.Append("<section id=\"verdict\" class=\"verdict\"><strong>Nothing was compared</strong></section>");
            return;
        }

        page.Append(CultureInfo.InvariantCulture,
            $"<section id=\"verdict\" class=\"verdict {(verdict.IsGreen ? "green" : "red")}\"><strong>{(verdict.IsGreen ? "The ledger is green" : $"The ledger is red: {verdict.FindingCount:N0} findings")}</strong>");
        page.Append(verdict.IsGreen
            ? "<p>Every acknowledged message is in each of its mailboxes exactly once, every acknowledged removal is gone, and nothing else is missing.</p>"
            : "<p>What the server acknowledged and what is in the mailboxes are not the same.</p>");
        page.Append("<div class=\"tiles\">");
        Tile(page, verdict.Acknowledged, "messages acknowledged");
        Tile(page, verdict.Copies, "copies for their recipients");
        Tile(page, verdict.Found, "found exactly once");
        Tile(page, verdict.Removed, "removed and gone");
        Tile(page, verdict.InSpool, "in the spool");
        Tile(page, verdict.Undecided, "removals without an answer");
        Tile(page, verdict.Unacknowledged, "there without a 250");
        page.Append("</div>");
        if (!verdict.IsGreen)
        {
            page.Append("<ul>");
            foreach (var finding in verdict.Findings.Take(ReasonsShown))
            {
                page.Append(CultureInfo.InvariantCulture, $"<li>{finding.Kind}: {Html.Text(finding.Text)}</li>");
            }

            page.Append("</ul>");
        }

        page.Append("</section>");
    }

    private static void WriteBottlenecks(StringBuilder page, LoadResult result)
    {
        if (result.Bottlenecks.Count == 0)
        {
            return;
        }

        page.Append("<section id=\"bottlenecks\" class=\"verdict\"><h2>What the generator could not do</h2><ul>");
        foreach (var bottleneck in result.Bottlenecks)
        {
            page.Append(CultureInfo.InvariantCulture, $"<li>{Html.Text(bottleneck)}</li>");
        }

        page.Append("</ul></section>");
    }

    private static void WriteTable(StringBuilder page, LoadResult result)
    {
        page.Append("<section><h2>Clients</h2><div class=\"wide\"><table id=\"clients\"><tr><th>Client</th><th>Arrived</th><th>Done</th><th>Failed</th><th>Left</th><th>per s</th><th>p50 ms</th><th>p90 ms</th><th>p99 ms</th><th>p99.9 ms</th><th>max ms</th></tr>");
        foreach (var operation in result.Operations)
        {
            var latency = operation.Latency;
            page.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{Html.Text(operation.Client)}</td><td>{operation.Arrived:N0}</td><td>{operation.Done:N0}</td><td>{operation.Failed:N0}</td><td>{operation.LeftOver + operation.NotBegun:N0}</td><td>{operation.Done / result.Scenario.Duration.TotalSeconds:N1}</td>");
            foreach (var share in new[] { 0.5, 0.9, 0.99, 0.999, 1 })
            {
                page.Append(CultureInfo.InvariantCulture, $"<td>{latency.Percentile(share) / 1000.0:N2}</td>");
            }

            page.Append("</tr>");
        }

        page.Append("</table></div></section>");
    }

    private static void WriteTimeline(StringBuilder page, LoadResult result)
    {
        var clients = Timed(result);
        page.Append("<section><h2>Done a second</h2>");
        new LineChart { Id = "throughput", XTitle = "seconds", YTitle = "a second", Events = result.Happenings }
            .Draw(page, [.. clients.Select(client => Over(result, client, row => row.Done))]);
        page.Append("</section><section><h2>Latency over time (99th percentile of each second)</h2>");
        new LineChart
        {
            Id = "latency", XTitle = "seconds", YTitle = "milliseconds", IsLogarithmic = true,
            Events = result.Happenings, XMost = result.Seconds.Count == 0 ? 1 : result.Seconds[^1].At,
        }.Draw(page, [.. clients.Select(client =>
            Over(result, client, row => row.Done == 0 ? double.NaN : row.P99 / 1000.0))]);
        page.Append("</section>");
        if (result.Happenings.Count > 0)
        {
            page.Append("<section><h2>What happened</h2><ul>");
            foreach (var (at, text) in result.Happenings)
            {
                page.Append(CultureInfo.InvariantCulture, $"<li>{at:0.0} s: {Html.Text(text)}</li>");
            }

            page.Append("</ul></section>");
        }
    }

    /// <summary>Percentiles on an axis that gives each further nine the same room.</summary>
    private static void WriteCurve(StringBuilder page, LoadResult result)
    {
        var series = Timed(result).Where(client => result.Operations[client].Latency.Count > 0).Select(client =>
            new ChartSeries(result.Operations[client].Client, client % StylesMax,
                Curve(result.Operations[client].Latency)));
        page.Append("<section><h2>Latency by percentile</h2>");
        new LineChart
        {
            Id = "percentiles", XTitle = "", YTitle = "milliseconds", IsLogarithmic = true,
            XMarks = [.. Marks.Select(mark => (-Math.Log10(1 - mark.Share), mark.Text))],
        }.Draw(page, [.. series]);
        page.Append("</section>");
    }

    /// <summary>As far as the number of values says something.</summary>
    private static (double X, double Y)[] Curve(LatencyHistogram latency)
    {
        var last = Math.Log10(Math.Clamp(latency.Count, 10, 100_000));
        return [.. Enumerable.Range(0, 101).Select(step => step / 100.0 * last)
            .Select(nines => (nines, Math.Max(latency.Percentile(1 - Math.Pow(10, -nines)), 1) / 1000.0))];
    }

    private static void WriteReasons(StringBuilder page, LoadResult result)
    {
        var reasons = result.Reasons.OrderByDescending(reason => reason.Count).Take(ReasonsShown).ToArray();
        page.Append("<section><h2>Errors by reply code</h2>");
        if (reasons.Length == 0)
        {
            page.Append("<p id=\"errors\" class=\"soft\">None.</p></section>");
            return;
        }

        const int row = 22;
        var most = reasons[0].Count;
        page.Append(CultureInfo.InvariantCulture, $"<svg id=\"errors\" viewBox=\"0 0 1040 {(reasons.Length * row) + 6}\">");
        for (var index = 0; index < reasons.Length; index++)
        {
            var reason = reasons[index];
            var width = Math.Max(2, reason.Count / (double)most * 560);
            page.Append(CultureInfo.InvariantCulture,
                $"<text x=\"350\" y=\"{(index * row) + 16}\" text-anchor=\"end\">{Html.Text($"{reason.Client}: {reason.Reason} at {reason.Stage}")}</text><rect class=\"bar err\" x=\"360\" y=\"{(index * row) + 4}\" width=\"{width:0.#}\" height=\"15\" rx=\"2\"/><text class=\"value\" x=\"{366 + width:0.#}\" y=\"{(index * row) + 16}\">{reason.Count:N0}</text>");
        }

        page.Append("</svg></section>");
    }

    private static void WriteServer(StringBuilder page, LoadResult result)
    {
        page.Append("<section><h2>Processors: server and generator</h2>");
        var generator = new ChartSeries(
            "generator", 6, [.. result.Seconds.Select(second => (second.At, second.Busy * 100))]);
        var server = new ChartSeries(
            "server (all nodes)", 0, [.. result.Seconds.Select(second => (second.At, second.ServerCpu * 100))]);
        var isKnown = result.Seconds.Any(second => !double.IsNaN(second.ServerCpu));
        new LineChart { Id = "cpu", XTitle = "seconds", YTitle = "% of one core", Events = result.Happenings }
            .Draw(page, isKnown ? [server, generator] : [generator]);
        page.Append("</section>");
        if (!isKnown)
        {
            page.Append("<p class=\"soft\">No target has \"admin\", so nothing is known about the server's processor and memory.</p>");
            return;
        }

        page.Append("<section><h2>Memory of the server, and connections</h2>");
        new LineChart { Id = "memory", XTitle = "seconds", YTitle = "MiB resident", Events = result.Happenings }
            .Draw(page, [new ChartSeries("server (all nodes)", 0, [.. result.Seconds.Select(second =>
                (second.At, second.ServerMemory == 0 ? double.NaN : second.ServerMemory / 1048576.0))])]);
        new LineChart { Id = "connections", XTitle = "seconds", YTitle = "open connections" }
            .Draw(page, [new ChartSeries(
                "connections", 2, [.. result.Seconds.Select(second => (second.At, (double)second.OpenConnections))])]);
        page.Append("</section>");
    }

    private static void WriteHow(StringBuilder page, LoadResult result)
    {
        page.Append("<section><h2>How this was measured</h2><p>The load is open: clients begin at the times that the scenario's arrival process gives, whether or not the server has answered those before. Latency counts from the moment at which a client wanted to begin, so what waited because the server (or the generator) was slow is in the figures: coordinated omission is avoided. Percentiles are read from buckets and are at most 1.6 % too great.</p><ul>");
        foreach (var line in ScenarioText.Explain(result.Scenario))
        {
            page.Append(CultureInfo.InvariantCulture, $"<li>{Html.Text(line)}</li>");
        }

        page.Append(CultureInfo.InvariantCulture, $"</ul><p>Ledger: {Html.Text(result.LedgerPath)}</p></section>");
    }

    /// <summary>Positions of the clients whose operations take a time that says something.</summary>
    private static int[] Timed(LoadResult result) =>
    [
        .. Enumerable.Range(0, result.Operations.Count)
            .Where(index => result.Operations[index].Kind is not (ClientKind.Idle or ClientKind.Slow)),
    ];

    private static ChartSeries Over(LoadResult result, int client, Func<OperationSecond, double> value) => new(
        result.Operations[client].Client, client % StylesMax,
        [.. result.Seconds.Select(second => (second.At, value(second.Operations[client])))]);

    private static void Tile(StringBuilder page, long number, string text) => page.Append(
        CultureInfo.InvariantCulture, $"<div class=\"tile\"><b>{number:N0}</b><span>{Html.Text(text)}</span></div>");

    private static string Style()
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream(
            "MailCluster.LoadTest.Reporting.report.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
