using System.Globalization;
using System.Text.RegularExpressions;
using MailCluster.Integration.Support;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Reporting;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.Integration;

/// <summary>The report of "mailcluster load" as a browser shows it.</summary>
public sealed partial class LoadReportTests : IDisposable
{
    private const int Seconds = 120;
    private const int FirstSeries = 0x2f6fde;
    private const int SecondSeries = 0xd9622b;

    private readonly Workplace _workplace = new();

    public void Dispose() => _workplace.Dispose();

    [Fact]
    public void A_browser_draws_the_charts_and_the_verdict_in_light_and_dark()
    {
        Tool.Require("chromium");
        Picture green = Shoot(Write("green", isGreen: true), "light");
        Assert.Equal(1200, green.Width);
        Assert.Equal(0xf6f7f9, green.At(4, 4));
        Assert.True(green.Count(0x1a7f4b) > 500, "the verdict's border and words are green");
        Assert.True(green.Count(FirstSeries) > 1000, $"{green.Count(FirstSeries)} dots of the first series");
        Assert.True(green.Count(SecondSeries) > 1000, $"{green.Count(SecondSeries)} dots of the second series");

        Picture red = Shoot(Write("red", isGreen: false), "light");
        Assert.True(red.Count(0xc3302b) > green.Count(0xc3302b) + 500, "the verdict's border and words are red");
        Assert.Equal(0, red.Count(0x1a7f4b));

        Picture dark = Shoot(Write("dark", isGreen: true), "dark");
        Assert.Equal(0x14171b, dark.At(4, 4));
        Assert.True(dark.Count(0x3fbf7f) > 500, "the verdict is a lighter green");
        Assert.True(dark.Count(0x6ea0ff) > 1000, "the series are lighter too");
    }

    [Fact]
    public void The_page_needs_nothing_beside_it_and_shows_what_was_measured()
    {
        Tool.Require("chromium");
        string file = Write("page", isGreen: false);
        string text = File.ReadAllText(file);
        Assert.DoesNotMatch("(?i)<script|<link|<img|@import|url\\(|src=", text);
        string dom = Tool.Run("chromium", [.. Chromium("light"), "--dump-dom", $"file://{file}"]);
        foreach (string chart in new[] { "throughput", "latency", "percentiles", "errors", "cpu", "memory" })
        {
            Assert.Matches($"<svg[^>]* id=\"{chart}\"|<svg id=\"{chart}\"", dom);
        }

        // Two clients with a point a second in the first chart, each within the drawing.
        Match throughput = Regex.Match(dom, "<svg id=\"throughput\".*?</svg>", RegexOptions.Singleline);
        Match[] paths = Path().Matches(throughput.Value).ToArray();
        Assert.Equal(2, paths.Length);
        Assert.All(paths, path => Assert.Equal(Seconds, path.Groups[1].Value.Count(letter => letter is 'M' or 'L')));
        Assert.All(Numbers().Matches(paths[0].Groups[1].Value).ToArray(), pair =>
        {
            Assert.InRange(double.Parse(pair.Groups[1].Value, CultureInfo.InvariantCulture), 0, 1040);
            Assert.InRange(double.Parse(pair.Groups[2].Value, CultureInfo.InvariantCulture), 0, 260);
        });
        Assert.Contains("The ledger is red: 1 findings", dom, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;alice&lt;/b&gt;", dom, StringComparison.Ordinal);
        Assert.Contains("pop: 452 at MAIL", dom, StringComparison.Ordinal);
        Assert.Contains("coordinated omission", dom, StringComparison.Ordinal);
    }

    private Picture Shoot(string page, string scheme)
    {
        string file = _workplace.File(System.IO.Path.ChangeExtension(System.IO.Path.GetFileName(page), "png"));
        Tool.Run("chromium",
            [.. Chromium(scheme), "--window-size=1200,2600", $"--screenshot={file}", $"file://{page}"]);
        return Picture.Read(file);
    }

    private string[] Chromium(string scheme) =>
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        $"--user-data-dir={_workplace.File("browser")}",
        $"--blink-settings=preferredColorScheme={(scheme == "dark" ? 0 : 1)}",
    ];

    private string Write(string name, bool isGreen)
    {
        string file = _workplace.File($"{name}.html");
        HtmlReport.Write(file, Result(isGreen), DateTimeOffset.UnixEpoch);
        return file;
    }

    private static LoadResult Result(bool isGreen)
    {
        Random random = new(1);
        LatencyHistogram[] latencies = [new(), new()];
        RunSecond[] seconds = [.. Enumerable.Range(1, Seconds).Select(at => new RunSecond(
            at, [.. latencies.Select((latency, client) => Row(latency, client, at, random))], 100 + at, 0.2, 100,
            0.5 + (0.2 * Math.Sin(at / 10.0)), (200 + at) * 1048576L))];
        Finding[] findings = isGreen ? [] : [new(FindingKind.Lost, "<b>alice</b>", 4711, "<b>alice</b>: lost")];
        return new LoadResult
        {
            Scenario = ScenarioFile.Parse(
                """{ "name": "picture", "duration": "120s", "clients": [{ "kind": "pop3", "arrivals": { "rate": 1 } }] }""",
                "picture"),
            Run = "0123456789ab",
            LedgerPath = "run.ledger",
            Operations = [.. latencies.Select((latency, client) => new OperationTotal(
                client == 0 ? "smtp" : "pop", ClientKind.Inbound, 5000, 4990, 10, 0, 0, 1 << 30, latency))],
            Reasons = [new ReasonCount("pop", "MAIL", "452", 8), new ReasonCount("smtp", "CONNECT", "refused", 2)],
            Seconds = seconds,
            Happenings = [(40, "node 1 was killed")],
            Bottlenecks = [],
            Verdict = new LedgerVerdict
            {
                Path = "run.ledger", Acknowledged = 9980, Copies = 9980, Removed = 0, Found = 9980, InSpool = 0,
                Undecided = 0, Unacknowledged = 0, RunFinished = true, FindingCount = findings.Length,
                Counts = findings.GroupBy(one => one.Kind).ToDictionary(kind => kind.Key, kind => (long)kind.Count()),
                Findings = findings,
            },
        };
    }

    private static OperationSecond Row(LatencyHistogram latency, int client, int at, Random random)
    {
        long slowest = 0;
        for (int count = 0; count < 40; count++)
        {
            long microseconds = (long)((client + 1) * 2000 * Math.Exp(random.NextDouble() * 4));
            latency.Record(microseconds * 1000);
            slowest = Math.Max(slowest, microseconds);
        }

        long done = 100 + (client * 40) + (at % 20);
        return new OperationSecond(client == 0 ? "smtp" : "pop", done, done, 0, 3, 10_000, 4000, slowest, slowest);
    }

    [GeneratedRegex("<path class=\"series s\\d\" d=\"([^\"]*)\"")]
    private static partial Regex Path();

    [GeneratedRegex(@"[ML]([\d.]+) ([\d.]+)")]
    private static partial Regex Numbers();
}
