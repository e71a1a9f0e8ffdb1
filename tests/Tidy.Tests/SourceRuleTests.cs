using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Tidy.Tests;

/// <summary>What may not stand in the source, and where it may.</summary>
public sealed partial class SourceRuleTests
{
    [Fact]
    public void Time_is_read_from_a_TimeProvider_only() =>
        Offences.None(Found("src/", Clock(), "clock"));

    [Fact]
    public void Configuration_is_read_by_the_options_and_the_composition_root_only() =>
        Offences.None(Found("src/", Configuration(), "configuration")
            .Where(place => !place.StartsWith("src/Frontend/Options/", StringComparison.Ordinal)
                && !place.StartsWith("src/Frontend/Program.cs", StringComparison.Ordinal)));

    [Fact]
    public void Nothing_waits_for_a_task_by_blocking_or_starts_one_and_forgets_it() =>
        Offences.None(Found("src/", Blocking(), "blocking"));

    [Fact]
    public void A_channel_or_a_buffer_of_work_is_bounded() =>
        Offences.None(Found("src/", Unbounded(), "unbounded"));

    /// <summary>
    /// Their order depends on hash codes, so what is done in that order is not done in it again in another process.
    /// What counts or compares only may look at all.
    /// </summary>
    [Fact]
    public void Simulated_code_enumerates_nothing_in_the_order_of_hashes() => Offences.None(
        from file in Repository.CodeUnder("src/Actors/")
        let code = CodeText.Blank(Repository.Read(file))
        from name in HashOrdered().Matches(code).Select(match => match.Groups["name"].Value).Distinct()
        let lines = code.Split('\n')
        from line in lines.Select((text, index) => (text, index))
        where !lines[line.index..Math.Min(line.index + 2, lines.Length)].Any(
            text => text.Contains("Order", StringComparison.Ordinal))
        where Regex.IsMatch(
            line.text,
            $@"\bin {name}(\.(Keys|Values))?\)|\.\. ?{name}\b|\b{name}\.(Keys|Values|Select|Where|ToArray|ToList|First)\b")
        select $"{file}:{line.index + 1}: {line.text.Trim()}");

    [Fact]
    public void Protocol_grammar_uses_no_regular_expression() =>
        Offences.None(Found("src/Shared/", RegularExpression(), "regex"));

    [Fact]
    public void Warnings_are_suppressed_on_a_line_with_a_reason_only() =>
        Offences.None(
            from file in Repository.Code
            from line in Repository.Lines(file).Select((text, index) => (text, index))
            where line.text.Contains("#pragma warn" + "ing disable", StringComparison.Ordinal)
                && !line.text.Contains("//", StringComparison.Ordinal)
            select $"{file}:{line.index + 1}");

    [Fact]
    public void A_task_that_is_left_names_its_issue()
    {
        string word = "TO" + "DO";
        Offences.None(
            from file in Repository.Files
            where IsText(file)
            from line in Repository.Lines(file).Select((text, index) => (text, index))
            where Regex.IsMatch(line.text, $@"\b({word}|FIX{"ME"}|XX{"X"})\b(?!\s*\(?#\d+)")
            select $"{file}:{line.index + 1}: {line.text.Trim()}");
    }

    [Fact]
    public void No_file_names_a_place_that_only_its_author_has()
    {
        string[] places = ["../sha" + "red/", "/wo" + "rk/", "/tmp/w" + "t/", "/ro" + "ot/.", "/ho" + "me/"];
        Offences.None(
            from file in Repository.Files
            where IsText(file)
            from line in Repository.Lines(file).Select((text, index) => (text, index))
            from place in places
            where line.text.Contains(place, StringComparison.Ordinal)
                && !line.text.Contains("project=\"../", StringComparison.OrdinalIgnoreCase)
                && !line.text.Contains("include=\"../", StringComparison.OrdinalIgnoreCase)
            select $"{file}:{line.index + 1} names {place}");
    }

    [Fact]
    public void No_test_is_switched_off_and_none_sleeps() =>
        Offences.None(Found("tests/", SwitchedOff(), "sleep"));

    [Fact]
    public void Every_test_asserts_something()
    {
        string[] words =
            ["Assert", "Offences", "Expect", "Verify", "Must", "Check", "Run", "Play", "Require", "Should", "Ask(",
            "await "];
        Offences.None(
            from file in Repository.CodeUnder("tests/")
            let code = Repository.Read(file)
            from test in Tests().Matches(code)
            let body = code[test.Index..Math.Min(code.Length, test.Index + BodyLength(code, test.Index))]
            where !words.Any(word => body.Contains(word, StringComparison.Ordinal))
                || body.Contains("Assert.True(" + "true)", StringComparison.Ordinal)
            select $"{file}: {test.Groups[2].Value}");
    }

    [Fact]
    public void Every_test_project_has_tests()
    {
        IEnumerable<string> projects = Repository.Files
            .Where(file => file.StartsWith("tests/", StringComparison.Ordinal)
                && file.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(file => Repository.Read(file).Contains("\"xunit.v3\"", StringComparison.Ordinal))
            .Select(file => Path.GetDirectoryName(file)!.Replace('\\', '/'));
        Offences.None(projects.Where(folder => !Repository.CodeUnder(folder + "/").Any(file =>
            Tests().IsMatch(Repository.Read(file)))));
    }

    /// <summary>"file:line text" of what a pattern finds in code, comments and literals left aside.</summary>
    private static IEnumerable<string> Found(string folder, Regex pattern, string rule)
    {
        HashSet<string> exempt = Exemptions.Of(rule);
        return from file in Repository.CodeUnder(folder)
               where !exempt.Contains(file)
               from line in CodeText.Blank(Repository.Read(file)).Split('\n').Select((text, index) => (text, index))
               where pattern.IsMatch(line.text)
               select $"{file}:{line.index + 1}: {line.text.Trim()}";
    }

    private static int BodyLength(string code, int from)
    {
        Match next = Tests().Match(code, from + 1);
        return next.Success ? next.Index - from : code.Length - from;
    }

    private static bool IsText(string file) =>
        Path.GetExtension(file) is not (".png" or ".bin" or ".ico" or ".eml" or ".pem" or ".key");

    [GeneratedRegex(@"\bDateTime(Offset)?\.(UtcNow|Now|Today)\b|\bStopwatch\b|\bEnvironment\.TickCount")]
    private static partial Regex Clock();

    [GeneratedRegex(@"\bIConfiguration(Root|Section)?\b")]
    private static partial Regex Configuration();

    [GeneratedRegex(
        @"(?<!IsCompletedSuccessfully.*)\.(Result|GetAwaiter\(\)\.GetResult\(\))(?!\w)|\.Wait\(\)|\basync void\b|\bThread\.Sleep\b")]
    private static partial Regex Blocking();

    [GeneratedRegex(@"CreateUnbounded|\bBlockingCollection\b")]
    private static partial Regex Unbounded();

    [GeneratedRegex(
        @"\b(Concurrent|Frozen|Immutable)(Dictionary|Set|HashSet|Bag)<[^;=(]*>\??\s+(?<name>_?\w+)\s*(=|;|\)|,)")]
    private static partial Regex HashOrdered();

    [GeneratedRegex(@"\bRegex\b|GeneratedRegex")]
    private static partial Regex RegularExpression();

    [GeneratedRegex(@"\bSkip\s*=|\bThread\.Sleep\b|\bTask\.Delay\((?![^;]*Time\b)")]
    private static partial Regex SwitchedOff();

    [GeneratedRegex(
        @"\[(Fact|Theory)\b[^\n]*\]\s*(?:\[[^\n]*\]\s*)*public\s+(?:async\s+)?(?:static\s+)?[\w<>]+\s+(\w+)\s*\(")]
    private static partial Regex Tests();
}
