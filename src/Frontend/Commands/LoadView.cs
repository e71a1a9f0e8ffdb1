using System.Globalization;
using System.Threading.Channels;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Reporting;
using MailCluster.LoadTest.Scenarios;
using Spectre.Console;

namespace MailCluster.Frontend.Commands;

/// <summary>A run as it goes: a table on a terminal, a line a second elsewhere, JSON lines for machines.</summary>
internal sealed class LoadView(Terminal terminal, Scenario? scenario, bool json)
{
    private const int RowsMax = 1024;

    /// <summary>From the loop's thread; a terminal that is slower misses seconds, the load does not wait.</summary>
    private readonly Channel<RunSecond> _seconds = Channel.CreateBounded<RunSecond>(
        new BoundedChannelOptions(RowsMax) { FullMode = BoundedChannelFullMode.DropOldest });

    public void Second(RunSecond second) => _seconds.Writer.TryWrite(second);

    public void Happened(string text)
    {
        if (json)
        {
            terminal.Line(LoadJsonLines.Happened(text));
        }
        else if (!terminal.IsInteractive)
        {
            terminal.Line(text);
        }
    }

    public async Task<LoadResult> ShowAsync(Func<Task<LoadResult>> run)
    {
        var showing = json || !terminal.IsInteractive ? PrintAsync() : DrawAsync();
        try
        {
            return await run();
        }
        finally
        {
            _seconds.Writer.Complete();
            await showing;
        }
    }

    public void End(LoadResult result, string? report)
    {
        if (json)
        {
            terminal.Line(LoadJsonLines.End(result));
            return;
        }

        terminal.Line("");
        ShowTotals([.. result.Operations.Select(operation => Cells(operation, result.Seconds.Count))]);
        foreach (var reason in result.Reasons.Take(20))
        {
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{reason.Client}: {reason.Count:N0} times {reason.Reason} at {reason.Stage}"));
        }

        foreach (var bottleneck in result.Bottlenecks)
        {
            terminal.Line(bottleneck);
        }

        terminal.Line("Latency counts from the moment at which a client wanted to begin, whether or not it could.");
        if (report is not null)
        {
            terminal.Line($"The report is in {report}.");
        }

        if (result.Verdict is { } verdict)
        {
            Show(verdict);
        }
        else
        {
            terminal.Line($"Nothing was compared. \"mailcluster load --check {result.LedgerPath}\" does it.");
        }
    }

    public void Show(LedgerVerdict verdict)
    {
        if (json)
        {
            terminal.Line(LoadJsonLines.Verdict(verdict));
            return;
        }

        foreach (var finding in verdict.Findings.Take(20))
        {
            terminal.Line($"{finding.Kind}: {finding.Text}");
        }

        terminal.Line($"Ledger {verdict.Path}:");
        if (terminal.IsInteractive)
        {
            terminal.Ansi.Write(new Text(
                $"{verdict}\n", new Style(verdict.IsGreen ? Color.Green : Color.Red, decoration: Decoration.Bold)));
        }
        else
        {
            terminal.Line(verdict.ToString());
        }
    }

    /// <summary>Ten columns have to go into a terminal of 80: no lines between them.</summary>
    private void ShowTotals(string[][] rows)
    {
        string[] columns = ["Client", "Arrived", "Done", "Failed", "Left", "per s", "p50 ms", "p99 ms", "p99.9 ms", "max ms"];
        if (!terminal.IsInteractive)
        {
            terminal.Table(columns, rows, "");
            return;
        }

        var table = new Table { Border = TableBorder.None };
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column, new Style(decoration: Decoration.Bold)))
            {
                Alignment = column == "Client" ? Justify.Left : Justify.Right,
                Padding = new Padding(0, 0, 1, 0),
                NoWrap = true,
            });
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        terminal.Ansi.Write(table);
    }

    private async Task PrintAsync()
    {
        await foreach (var second in _seconds.Reader.ReadAllAsync())
        {
            terminal.Line(json ? LoadJsonLines.Second(second) : Line(second));
        }
    }

    private Task DrawAsync() => terminal.Ansi.Live(Draw(null)).StartAsync(async live =>
    {
        await foreach (var second in _seconds.Reader.ReadAllAsync())
        {
            live.UpdateTarget(Draw(second));
        }
    });

    private Table Draw(RunSecond? second)
    {
        var table = new Table
        {
            Border = TableBorder.Rounded,
            Title = new TableTitle(Markup.Escape(second is null
                ? $"{scenario?.Name}: getting ready"
                : string.Create(CultureInfo.InvariantCulture,
                    $"{scenario?.Name}: {second.At:0} of {scenario?.Duration.TotalSeconds:0} s, {second.OpenConnections} connections, generator {second.Busy * 100:0} %{Server(second)}"))),
        };
        foreach (var column in new[] { "Client", "wanted/s", "done/s", "failed/s", "open", "p50 ms", "p99 ms", "max ms" })
        {
            table.AddColumn(new TableColumn(column) { Alignment = column == "Client" ? Justify.Left : Justify.Right });
        }

        foreach (var row in second?.Operations ?? [])
        {
            table.AddRow(
                new Text(row.Client), Number(row.Arrived), Number(row.Done),
                new Text(row.Failed.ToString("N0", CultureInfo.InvariantCulture),
                    new Style(row.Failed > 0 ? Color.Red : Color.Default)),
                Number(row.InFlight), new Text(Milliseconds(row.P50)), new Text(Milliseconds(row.P99)),
                new Text(Milliseconds(row.Max)));
        }

        return table;
    }

    private static string Line(RunSecond second)
    {
        var clients = second.Operations.Select(row => string.Create(CultureInfo.InvariantCulture,
            $"{row.Client} {row.Done}/s ({row.Failed} failed, {row.InFlight} open, p99 {Milliseconds(row.P99)} ms)"));
        return string.Create(CultureInfo.InvariantCulture,
            $"{second.At,5:0} s: {string.Join("; ", clients)}; {second.OpenConnections} connections; generator {second.Busy * 100:0} %{Server(second)}");
    }

    private static string Server(RunSecond second) => double.IsNaN(second.ServerCpu) ? ""
        : string.Create(CultureInfo.InvariantCulture,
            $"; server {second.ServerCpu * 100:0} %, {second.ServerMemory / 1048576.0:0} MiB");

    private static string[] Cells(OperationTotal operation, int seconds) =>
    [
        operation.Client, Whole(operation.Arrived), Whole(operation.Done), Whole(operation.Failed),
        Whole(operation.LeftOver + operation.NotBegun),
        (operation.Done / (double)Math.Max(1, seconds)).ToString("0.0", CultureInfo.InvariantCulture),
        Milliseconds(operation.Latency.Percentile(0.5)), Milliseconds(operation.Latency.Percentile(0.99)),
        Milliseconds(operation.Latency.Percentile(0.999)), Milliseconds(operation.Latency.Max),
    ];

    private static Text Number(long number) => new(Whole(number));

    private static string Whole(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Milliseconds(long microseconds) =>
        (microseconds / 1000.0).ToString("0.00", CultureInfo.InvariantCulture);
}
