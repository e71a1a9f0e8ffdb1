using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Tidy.Tests;

/// <summary>Documentation that has drifted from the code fails the build.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Required =>
    [
        "README.md", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/configuration.md",
        "docs/rfc.md", "docs/metrics.md", "docs/performance.md", "docs/conformance.md", "run.sh", "test.sh",
        "mailcluster",
        ".ci/run", "benchmarks/compare.sh", "benchmarks/bench.json",
    ];

    [Theory]
    [MemberData(nameof(Required))]
    public void What_a_user_looks_for_is_there(string file) =>
        Assert.True(Repository.Exists(file) && Repository.Read(file).Length > 200, $"{file} is missing or empty");

    [Fact]
    public void Every_link_of_a_document_leads_somewhere() =>
        Offences.None(
            from file in Documents()
            let folder = Path.GetDirectoryName(file)!
            from link in Link().Matches(Repository.Read(file))
            let target = link.Groups[1].Value
            where !target.Contains("://", StringComparison.Ordinal) && target.Length > 0
            let path = Path.GetRelativePath(
                Repository.Root, Path.GetFullPath(Repository.FullPath(Path.Combine(folder, target))))
            where !Repository.Exists(path)
            select $"{file}: {target}");

    [Fact]
    public void Every_link_to_a_heading_finds_it() =>
        Offences.None(
            from file in Documents()
            from link in Anchor().Matches(Repository.Read(file))
            let target = link.Groups[1].Value.Length == 0
                ? file
                : Path.GetRelativePath(Repository.Root,
                    Repository.FullPath(Path.Combine(Path.GetDirectoryName(file)!, link.Groups[1].Value)))
            where !target.Contains("://", StringComparison.Ordinal) && Repository.Exists(target)
            where !Headings(target).Contains(link.Groups[2].Value)
            select $"{file}: #{link.Groups[2].Value} is no heading of {target}");

    [Fact]
    public void Every_path_in_a_document_exists()
    {
        HashSet<string> exempt = Exemptions.Of("document-path");
        Offences.None(
            from file in Documents()
            from quoted in CodeSpan().Matches(Repository.Read(file))
            let path = quoted.Groups[1].Value.TrimEnd('/')
            where Place().IsMatch(path) && !exempt.Contains(path)
            where !Repository.Exists(path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path)
            select $"{file}: {path}");
    }

    [Fact]
    public void Every_option_is_in_the_document_of_options()
    {
        string text = Repository.Read("docs/configuration.md");
        string[] keys = [.. OptionKeys()];
        Assert.True(keys.Length > 40, $"only {keys.Length} options were found");
        Offences.None(keys.Where(key => !text.Contains(key, StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_instrument_is_in_the_document_of_metrics()
    {
        string text = Repository.Read("docs/metrics.md");
        string[] names = [.. Repository.CodeUnder("src/")
            .SelectMany(file => Instrument().Matches(Repository.Read(file)))
            .Select(match => match.Groups[1].Value).Distinct()];
        Assert.True(names.Length > 10, $"only {names.Length} instruments were found");
        Offences.None(names.Where(name => !text.Contains(name, StringComparison.Ordinal)
            && !text.Contains(name.Replace('.', '_'), StringComparison.Ordinal)));
    }

    [Fact]
    public void Decisions_are_numbered_without_a_gap_and_have_their_three_parts()
    {
        string[] decisions =
            [.. Repository.Files.Where(file => DecisionFile().IsMatch(file)).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(decisions);
        Assert.Equal(Enumerable.Range(1, decisions.Length), decisions.Select(file =>
            int.Parse(
                DecisionFile().Match(file).Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)));
        Offences.None(decisions.Where(file => !new[] { "## Context", "## Choice", "## Cost" }
            .All(part => Repository.Read(file).Contains(part, StringComparison.Ordinal))));
    }

    [Fact]
    public void The_change_log_says_something_about_the_version_that_is_built()
    {
        string version = Regex.Match(Repository.Read("Directory.Build.props"), "<Version>(.*?)</Version>").Groups[1]
            .Value;
        string[] lines = Repository.Lines("CHANGELOG.md");
        int start = Array.FindIndex(lines, line => line.StartsWith($"## {version}", StringComparison.Ordinal));
        Assert.True(start >= 0, $"no heading for {version}");
        Assert.Contains(lines.Skip(start + 1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal)),
            line => line.StartsWith("- ", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Documents() =>
        Repository.Files.Where(file => file.EndsWith(".md", StringComparison.Ordinal));

    private static HashSet<string> Headings(string file) =>
        [.. Repository.Lines(file).Where(line => line.StartsWith('#'))
            .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "")
                .Replace(' ', '-'))];

    /// <summary>Every key as the document has it; those of the first level are its headings.</summary>
    private static IEnumerable<string> OptionKeys()
    {
        Type loader = Assembly.Load("mailcluster")
            .GetType("MailCluster.Frontend.Options.ConfigurationLoader", throwOnError: true)!;
        System.Collections.IEnumerable described =
            (System.Collections.IEnumerable)loader.GetMethod("Describe")!.Invoke(null, null)!;
        foreach (object definition in described)
        {
            string key = (string)definition.GetType().GetProperty("Key")!.GetValue(definition)!;
            yield return key.Contains('.', StringComparison.Ordinal) ? $"`{key}`" : $"## {key}";
        }
    }

    [GeneratedRegex(@"\]\(([^)#\s]*)(?:#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\]\(([^)#\s]*)#([^)]+)\)")]
    private static partial Regex Anchor();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"^(\./[\w.]+|(\./)?(src|tests|docs|benchmarks|\.ci)/[\w./-]+)$")]
    private static partial Regex Place();

    [GeneratedRegex("Create\\w+(?:<\\w+>)?\\(\\s*\"(mailcluster(?:\\.[a-z0-9_]+)+)\"")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"^docs/decisions/(\d{4})-[a-z0-9-]+\.md$")]
    private static partial Regex DecisionFile();

    [GeneratedRegex(@"[^\w\s-]")]
    private static partial Regex NotInAnchor();
}
