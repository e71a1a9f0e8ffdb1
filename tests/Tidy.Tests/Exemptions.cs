namespace MailCluster.Tidy.Tests;

/// <summary>
/// What a rule does not hold for, each with a reason: <c>exemptions.txt</c>, one per line as "rule | what | reason".
/// </summary>
internal static class Exemptions
{
    public const string File = "tests/Tidy.Tests/exemptions.txt";

    public static IEnumerable<(string Rule, string What, string Reason)> All =>
        Repository.Lines(File)
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Select(parts => (parts[0], parts.ElementAtOrDefault(1) ?? "", parts.ElementAtOrDefault(2) ?? ""));

    public static HashSet<string> Of(string rule) =>
        [.. All.Where(entry => entry.Rule == rule).Select(entry => entry.What)];
}
