using Xunit;

namespace MailCluster.Tidy.Tests;

public sealed class SizeTests
{
    private const int FileLinesMax = 500;
    private const int TestFileLinesMax = 800;
    private const int SessionFileLinesMax = 400;
    private const int CommandFileLinesMax = 300;
    private const int LineColumnsMax = 120;
    private const int MemberLinesMax = 70;

    [Fact]
    public void No_file_is_longer_than_its_limit()
    {
        HashSet<string> exempt = Exemptions.Of("file-lines");
        Offences.None(Repository.Code
            .Select(file => (file, lines: Repository.Lines(file).Length, max: LinesMax(file)))
            .Where(found => found.lines > found.max && !exempt.Contains(found.file))
            .Select(found => $"{found.file} has {found.lines} lines, at most {found.max}"));
    }

    [Fact]
    public void No_line_is_longer_than_120_columns() =>
        Offences.None(
            from file in Repository.Code
            let blank = CodeText.Blank(Repository.Read(file)).Split('\n')
            from line in Repository.Read(file).Split('\n').Select((text, index) => (text, index))
            where line.text.Length > LineColumnsMax && !IsOneLiteral(line.text, blank[line.index])
            select $"{file}:{line.index + 1} has {line.text.Length} columns");

    [Fact]
    public void No_member_is_longer_than_70_lines()
    {
        HashSet<string> exempt = Exemptions.Of("member-lines");
        Offences.None(LongMembers().Where(found => !exempt.Contains(found.Place)).Select(found => found.Text));
    }

    [Fact]
    public void Every_exemption_is_needed_and_has_a_reason()
    {
        HashSet<string> places = [.. LongMembers().Select(found => found.Place)];
        Offences.None(
            Exemptions.All.Where(entry => entry.Reason.Length == 0).Select(entry => $"{entry.What}: no reason"));
        Offences.None(Exemptions.Of("member-lines").Except(places));
        Offences.None(Exemptions.Of("file-lines").Where(file =>
            !Repository.Exists(file) || Repository.Lines(file).Length <= LinesMax(file)));
    }

    [Theory]
    [InlineData("class A { void M() {\n\n} }", "void M()", 3)]
    [InlineData("class A { int P => B switch {\n \"}\" => 1,\n _ => 2,\n }; }", "int P => B switch", 4)]
    [InlineData("class A { string M(int x = 1) {\n return $\"{{{x switch { 1 => \"}\", _ => \"{\" }}\"; } }",
        "string M(int x = 1)", 2)]
    [InlineData("class A { // {\n void M() { if (a) { } /* } */ } char c = '{'; }", "void M()", 1)]
    public void The_measure_of_a_member_sees_through_literals_and_comments(
        string code, string declaration, int lines) =>
        Assert.Equal((declaration, lines),
            Assert.Single(CodeText.Members(code).Select(found => (found.Declaration, found.Lines))));

    /// <summary>A text that would have to be cut in two says less than a long line.</summary>
    private static bool IsOneLiteral(string line, string blank) =>
        !line.TrimStart().StartsWith("//", StringComparison.Ordinal)
        && line.Zip(blank).Count(octet => octet.First != ' ' && octet.Second == ' ') >= LineColumnsMax / 2;

    private static IEnumerable<(string Place, string Text)> LongMembers() =>
        from file in Repository.Code
        from member in CodeText.Members(Repository.Read(file))
        where member.Lines > MemberLinesMax
        let name = NameOf(member.Declaration)
        select ($"{file}:{name}", $"{file}:{member.Line} {name} has {member.Lines} lines, at most {MemberLinesMax}");

    private static string NameOf(string declaration)
    {
        string head = declaration.Split('(')[0].Trim();
        return head[(head.LastIndexOf(' ') + 1)..];
    }

    private static int LinesMax(string file)
    {
        string name = Path.GetFileName(file);
        return file.StartsWith("tests/", StringComparison.Ordinal) ? TestFileLinesMax
            : file.Contains("/Commands/", StringComparison.Ordinal) ? CommandFileLinesMax
            : name.EndsWith("Session.cs", StringComparison.Ordinal)
                || name.EndsWith("ConnectionHandler.cs", StringComparison.Ordinal)
                || name == "MailboxActor.cs" ? SessionFileLinesMax
            : FileLinesMax;
    }
}
