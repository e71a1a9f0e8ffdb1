using System.CommandLine;
using MailCluster.Frontend.Conformance;

namespace MailCluster.Frontend.Commands;

/// <summary>Plays what the requirements say against any server, and says row by row what it saw.</summary>
internal static class ConformanceCommand
{
    public static Command Make(Terminal terminal, TimeProvider time)
    {
        var target = new TargetOptions();
        var only = new Option<string[]>("--only")
        {
            Description = "The ids of the rows to play, such as OXSMTP-EV-07; without it, all.",
            AllowMultipleArgumentsPerToken = true,
        };
        var json = new Option<bool>("--json") { Description = "One JSON list" };
        var markdown = new Option<bool>("--markdown") { Description = "A table in Markdown" };
        var command = new Command(
            "conformance",
            "Plays every requirement that shows from outside against a mail server, this one or another. It ends with "
            + "0 when no row failed, 1 when one did, 69 when the server cannot be reached.") { only, json, markdown };
        target.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var ids = arguments.GetValue(only) ?? [];
            var unknown = ids.Where(id => Row.All.All(row => row.Id != id)).ToArray();
            if (unknown.Length > 0)
            {
                throw new CommandException(ExitCode.Usage, $"No such row: {string.Join(", ", unknown)}");
            }

            var inspection = new Inspection(target.Read(arguments, terminal), time);
            var judgements = await RunAsync(inspection, ids, terminal, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(Views(judgements), JudgementJson.Default.ListJudgementView);
            }
            else if (arguments.GetValue(markdown))
            {
                Markdown(terminal, judgements);
            }
            else
            {
                Table(terminal, judgements);
            }

            return judgements.Any(row => row.Finding.Verdict == Verdict.Fail) ? ExitCode.Refused : ExitCode.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<Judgement>> RunAsync(
        Inspection inspection, string[] ids, Terminal terminal, CancellationToken cancellationToken)
    {
        try
        {
            return await inspection.RunAsync(ids, row => Progress(terminal, row), cancellationToken);
        }
        catch (UnreachableTargetException unreachable)
        {
            throw new CommandException(ExitCode.NoNode, unreachable.Message);
        }
    }

    private static void Progress(Terminal terminal, Row row)
    {
        if (terminal.IsInteractive)
        {
            terminal.Error.WriteLine($"{row.Id}: {row.Expected}");
        }
    }

    private static List<JudgementView> Views(IEnumerable<Judgement> judgements) =>
    [
        .. judgements.Select(judged => new JudgementView(
            judged.Row.Id, judged.Row.Clause, judged.Row.Expected, judged.Finding.Seen, judged.Verdict)),
    ];

    private static void Table(Terminal terminal, IReadOnlyList<Judgement> judgements)
    {
        terminal.Table(
            ["ID", "Clause", "Expected", "Seen", "Verdict"],
            [.. Views(judgements).Select(row => new[] { row.Id, row.Clause, row.Expected, row.Seen, row.Verdict })],
            "No rows.");
        terminal.Line(Summary(judgements));
    }

    /// <summary>A bar would end a cell, and "&lt;" begin an element.</summary>
    private static void Markdown(Terminal terminal, IReadOnlyList<Judgement> judgements)
    {
        terminal.Line("| ID | clause | expected | seen | verdict |");
        terminal.Line("| --- | --- | --- | --- | --- |");
        foreach (var row in Views(judgements))
        {
            string[] cells = [row.Id, row.Clause, row.Expected, row.Seen, row.Verdict];
            terminal.Line($"| {string.Join(" | ", cells.Select(Cell))} |");
        }

        terminal.Line("");
        terminal.Line(Summary(judgements));
    }

    private static string Cell(string text) =>
        text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace("*", "\\*", StringComparison.Ordinal);

    private static string Summary(IReadOnlyList<Judgement> judgements) =>
        $"{judgements.Count} rows: " + string.Join(", ", judgements.GroupBy(judged => judged.Finding.Verdict)
            .OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.First().Verdict}"));
}
