using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Tidy.Tests;

/// <summary>
/// A command is one file, one row, one transcript at least and one line of docs/rfc.md (CONTRIBUTING.md).
/// </summary>
public sealed partial class CommandTests
{
    public static TheoryData<string, string> Protocols => new() { { "Smtp", "smtp" }, { "Pop3", "pop3" } };

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Every_command_file_has_a_row_in_the_table(string protocol, string transcripts)
    {
        string table = CodeText.Blank(Repository.Read($"src/Shared/{protocol}/{protocol}CommandTable.cs"));
        Assert.NotEmpty(transcripts);
        Offences.None(CommandFiles(protocol)
            .Where(file => !TypesIn(file).Any(type => Regex.IsMatch(table, $@"\b{type}\b")))
            .Select(file => $"{file}: none of its types is in the table"));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Every_command_is_played_in_a_transcript(string protocol, string transcripts)
    {
        string all = string.Join('\n', Transcripts(transcripts).Select(Repository.Read));
        Offences.None(CommandFiles(protocol).Select(Verb)
            .Where(verb => !Regex.IsMatch(all, $@"^C:\s*{verb}\b", RegexOptions.Multiline | RegexOptions.IgnoreCase))
            .Select(verb => $"no transcript in tests/Transcripts/{transcripts} has the line \"C: {verb}\""));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Every_command_is_in_the_RFC_table(string protocol, string transcripts)
    {
        string table = Repository.Read("docs/rfc.md");
        Assert.NotEmpty(transcripts);
        Offences.None(CommandFiles(protocol)
            .Where(file => !Regex.IsMatch(table, $@"\b{Verb(file)}\b")
                || !table.Contains(file, StringComparison.Ordinal))
            .Select(file => $"docs/rfc.md does not name {Verb(file)} and {file}"));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Every_command_file_names_its_clause(string protocol, string transcripts)
    {
        Assert.NotEmpty(transcripts);
        Offences.None(CommandFiles(protocol).Where(file => !Clause().IsMatch(Repository.Read(file))));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Every_transcript_names_a_clause_or_a_requirement(string protocol, string transcripts)
    {
        Assert.NotEmpty(protocol);
        Assert.NotEmpty(Transcripts(transcripts));
        Offences.None(Transcripts(transcripts).Where(file =>
            !Clause().IsMatch(Repository.Read(file)) && !Requirements.Id().IsMatch(Repository.Read(file))));
    }

    [Fact]
    public void Every_fuzz_target_has_a_test()
    {
        string tests = string.Join('\n', Repository.CodeUnder("tests/Shared.Tests/").Select(Repository.Read));
        string[] targets = [.. Repository.CodeUnder("tests/Shared.Fuzz/")
            .SelectMany(file => FuzzTarget().Matches(Repository.Read(file)).Select(match => match.Groups[1].Value))];
        Assert.NotEmpty(targets);
        // Either each is named, or one test goes over all of them by reflection.
        bool all = tests.Contains("FuzzTarget.All", StringComparison.Ordinal);
        Offences.None(targets.Where(target => !all && !tests.Contains(target, StringComparison.Ordinal)));
    }

    private static string[] CommandFiles(string protocol)
    {
        string[] files = [.. Repository.CodeUnder($"src/Shared/{protocol}/Commands/")];
        Assert.NotEmpty(files);
        return files;
    }

    private static IEnumerable<string> Transcripts(string folder) =>
        Repository.Files.Where(file => file.StartsWith($"tests/Transcripts/{folder}/", StringComparison.Ordinal));

    private static string Verb(string file) => Path.GetFileNameWithoutExtension(file).ToUpperInvariant();

    private static IEnumerable<string> TypesIn(string file) =>
        DeclaredType().Matches(CodeText.Blank(Repository.Read(file))).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\b(?:class|record|struct)\s+(?:class\s+|struct\s+)?(\w+)")]
    private static partial Regex DeclaredType();

    [GeneratedRegex(@"RFC \d{3,5} (§|section )\s?[\dA-Z]")]
    private static partial Regex Clause();

    [GeneratedRegex(@"\bclass\s+(\w+)[^{]*\bIFuzzTarget\b")]
    private static partial Regex FuzzTarget();
}
