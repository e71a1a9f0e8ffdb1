using Xunit;

namespace MailCluster.Tidy.Tests;

public sealed class ConformanceTests
{
    [Fact]
    public void The_report_says_what_the_tests_say()
    {
        string now = Requirements.Write();
        if (Environment.GetEnvironmentVariable("MAILCLUSTER_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Repository.FullPath(Requirements.Report), now);
        }

        Assert.True(Repository.Exists(Requirements.Report),
            $"{Requirements.Report} is missing: ./test.sh --only Tidy.Tests --write-docs");
        Assert.Equal(now, Repository.Read(Requirements.Report).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Every_id_that_a_test_carries_is_a_requirement()
    {
        HashSet<string> known = [.. Requirements.Rows().Select(row => row.Id)];
        Offences.None(Requirements.Tests().Where(test => !known.Contains(test.Key))
            .Select(test => $"{test.Key}: {test.First()}"));
    }

    [Fact]
    public void Only_requirements_have_a_state_of_their_own()
    {
        HashSet<string> known = [.. Requirements.Rows().Select(row => row.Id)];
        Assert.NotEmpty(Requirements.Stated());
        Offences.None(Requirements.Stated().Keys.Where(id => !known.Contains(id)));
    }

    [Fact]
    public void Every_row_of_OXSMTP_is_done_or_says_why_not()
    {
        string[] open =
        [
            .. Repository.Lines(Requirements.Report)
                .Where(line => line.StartsWith("| OXSMTP-", StringComparison.Ordinal)
                    && line.Contains("| open |", StringComparison.Ordinal)),
        ];
        Offences.None(open);
    }

    [Fact]
    public void No_requirement_stands_twice_and_none_has_disappeared()
    {
        string[] ids = [.. Requirements.Rows().Select(row => row.Id)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.Equal(164, ids.Length);
    }
}
