using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace MailCluster.Tidy.Tests;

/// <summary>
/// The requirements (tests/Conformance/requirements.md) and the tests that carry their ids: a trait on a test
/// (<c>[Trait("Requirement", "OXSMTP-EV-07")]</c>) or the id in a transcript. What is not a matter of a test (a row
/// that only informs, a half that waits for another part) stands in the list at the end of the document.
/// </summary>
internal static partial class Requirements
{
    public const string Source = "tests/Conformance/requirements.md";
    public const string Report = "docs/conformance.md";

    /// <summary>
    /// Rows in the order of the document. A timer's definition stands in a paragraph and is a row as well.
    /// </summary>
    public static IEnumerable<(string Id, string Section, string Text, string Scope)> Rows()
    {
        string section = "";
        string[] columns = [];
        foreach (string line in Repository.Lines(Source))
        {
            if (line.StartsWith('#'))
            {
                section = line.TrimStart('#').Trim();
            }
            else if (line.StartsWith("| ID ", StringComparison.Ordinal))
            {
                columns = Cells(line);
            }
            else if (line.StartsWith("| ", StringComparison.Ordinal) && Id().Match(line) is { Success: true } id
                && Cells(line)[0] == id.Value)
            {
                string[] cells = Cells(line);
                int scope = Array.IndexOf(columns, "scope");
                scope = scope < 0 ? Array.IndexOf(columns, "scope and reason") : scope;
                Match successor = Successor().Match(line);
                yield return (
                    id.Value,
                    section,
                    cells.ElementAtOrDefault(1) + (successor.Success ? $" (now {successor.Groups[1].Value})" : ""),
                    scope < 0 ? "IN" : cells.ElementAtOrDefault(scope) ?? "IN");
            }

            foreach (Match timer in Timer().Matches(line))
            {
                yield return (timer.Groups[1].Value, section, "timer", "IN");
            }
        }
    }

    /// <summary>Id → where it is tested: "Class.Test" or the path of a transcript.</summary>
    public static ILookup<string, string> Tests() =>
        Repository.CodeUnder("tests/").SelectMany(InCode)
            .Concat(Repository.Files.Where(file => file.StartsWith("tests/Transcripts/", StringComparison.Ordinal))
                .SelectMany(file =>
                Id().Matches(Repository.Read(file)).Select(match => (match.Value, Where: file["tests/".Length..]))))
            .Distinct()
            .ToLookup(found => found.Item1, found => found.Where);

    public static string Write()
    {
        ILookup<string, string> tests = Tests();
        List<(string Id, string Section, string Text, string Scope)> rows = [.. Rows()];
        Dictionary<string, string> stated = Stated();
        int Count(string state) =>
            rows.Count(row => State(row, tests, stated).StartsWith(state, StringComparison.Ordinal));
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Conformance

            Every requirement of [requirements.md](../tests/Conformance/requirements.md), its state and the tests that carry its id.
            `done`: a test shows it. `open`: no test yet, whether or not the behaviour is there. `info`: it says what to read, not what to do.
            `later`: it waits for another part of the product, which is named. `out of scope`: it cannot concern a mail front-end; the reason is in
            the requirement. The list is of 2007 where it names RFCs; their successors stand in brackets. Written by
            `./test.sh --only Tidy.Tests --write-docs`; a test compares it with the tests that there are.

            **{rows.Count} requirements: {Count("done")} done, {Count("open")} open, {Count("later")} later, {Count("info")} info, {Count("out of scope")} out of scope.**

            """);
        foreach (IGrouping<string,
            (string Id, string Section, string Text, string Scope)> section in rows.GroupBy(row => row.Section))
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\n## {section.Key}\n\n| ID | clause or subject | state | tests |\n| --- | --- | --- | --- |\n");
            foreach ((string Id, string Section, string Text, string Scope) row in section)
            {
                string where =
                    string.Join(", ", tests[row.Id].Order(StringComparer.Ordinal).Select(test => $"`{test}`"));
                text.Append(
                    CultureInfo.InvariantCulture, $"| {row.Id} | {row.Text} | {State(row, tests, stated)} | {where} |\n");
            }
        }

        return text.ToString();
    }

    /// <summary>Id → what the list at the end says: "info", "later: what", or "also later: what" of a part.</summary>
    public static Dictionary<string, string> Stated() =>
        Repository.Lines(Source).Select(line => Statement().Match(line)).Where(match => match.Success)
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);

    private static string State(
        (string Id, string Section, string Text, string Scope) row, ILookup<string, string> tests,
        Dictionary<string, string> stated)
    {
        string? says = stated.GetValueOrDefault(row.Id);
        if (says is not null && !says.StartsWith("also ", StringComparison.Ordinal))
        {
            return says;
        }

        string state = tests.Contains(row.Id) ? "done"
            : row.Scope.StartsWith("OUT", StringComparison.Ordinal) ? "out of scope"
            : "open";
        return says is null ? state : $"{state}; {says["also ".Length..]}";
    }

    private static IEnumerable<(string, string Where)> InCode(string file)
    {
        string code = Repository.Read(file);
        foreach (Match trait in Trait().Matches(code))
        {
            Match test = Declaration().Match(code, trait.Index);
            yield return (trait.Groups[1].Value, $"{Path.GetFileNameWithoutExtension(file)}.{test.Groups[1].Value}");
        }
    }

    private static string[] Cells(string line) =>
        [.. line.Trim().Trim('|').Split('|').Select(cell => cell.Trim())];

    [GeneratedRegex(
        @"\b(OXSMTP-(GEN|SASL|EV|TMR)-\d+|STANXPOP3-(CR-\d+|NV-[\d.]*\d|[CVE]\d{4})|EX07-[A-Z0-9]+-?[A-Z0-9]+|OFFINT-\d+|SUPP-\d+)\b")]
    public static partial Regex Id();

    [GeneratedRegex(@"^- `([A-Z0-9-]+)`: ((?:info|(?:also )?later: ).*)$")]
    private static partial Regex Statement();

    /// <summary>Of the list of 2007: which RFC stands in its place.</summary>
    [GeneratedRegex(@"\bnow (\d{4}(?: \+ \d{4})?)")]
    private static partial Regex Successor();

    [GeneratedRegex(@"\*\*(OXSMTP-TMR-\d+)\*\*")]
    private static partial Regex Timer();

    [GeneratedRegex(@"(?m)^\s*\[Trait\(""Requirement"",\s*""([^""]+)""\)\]")]
    private static partial Regex Trait();

    [GeneratedRegex(@"(?:public|internal)\s+(?:async\s+|static\s+|sealed\s+|partial\s+)*[\w<>]+\s+(\w+)")]
    private static partial Regex Declaration();
}
