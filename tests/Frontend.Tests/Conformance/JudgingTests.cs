using System.Text.Json;
using MailCluster.Frontend.Commands;
using MailCluster.Frontend.Conformance;
using Xunit;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>The command as a whole, and probes that get nothing to work with.</summary>
public sealed class JudgingTests
{
    public static TheoryData<string> Ids => ProbeTests.Ids;

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task With_a_target_alone_a_probe_says_what_it_lacks_or_what_it_saw(string id)
    {
        await using var smtp = new StandInSmtp(new Dictionary<string, string>());

        var finding = await PlayAsync(id, new Target { Smtp = smtp.Place });

        // The stand-in holds nothing back in the system's time.
        Assert.NotEqual("", finding.Seen);
        Assert.Equal(finding.Verdict == Verdict.NotRun, finding.Seen.StartsWith("not run", StringComparison.Ordinal));
        Assert.True(finding.Verdict != Verdict.Fail || id == "OXSMTP-EV-19", $"{finding}");
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Nonsense_from_the_server_passes_no_probe(string id)
    {
        var nonsense = new Dictionary<string, string> { [".*"] = "nonsense \t\u00ff 999999999999999999999" };
        await using var smtp = new StandInSmtp(nonsense);
        await using var pop3 = new StandInPop3(nonsense, smtp.Accepted);

        var finding = await PlayAsync(id, new Target
        {
            Smtp = smtp.Place, Pop3 = pop3.Place, Tls = TlsUse.None, Pop3Tls = TlsUse.None, User = "ann",
            Password = "pw", Recipient = "ann@stand.in", Patience = TimeSpan.FromSeconds(2),
        });

        // That its lines are short is the one good thing about it.
        Assert.True(finding.Verdict != Verdict.Pass || id == "STANXPOP3-C0001", $"{finding}");
    }

    [Fact]
    public async Task Every_row_is_printed_and_a_failed_one_shows_in_the_exit_code()
    {
        await using var smtp = new StandInSmtp(new Dictionary<string, string> { ["^RSET"] = "500 5.5.1 | no" });

        var (code, output, _) = await RunAsync("--target", $"{smtp.Place}", "--tls", "none", "--json", "--only",
            "OXSMTP-GEN-01", "OXSMTP-EV-12", "OXSMTP-EV-05");

        using var json = JsonDocument.Parse(output);
        Assert.Equal(["fail", "not run", "not observable"],
            json.RootElement.EnumerateArray().Select(row => row.GetProperty("verdict").GetString()));
        Assert.Equal(ExitCode.Refused, code);
    }

    [Fact]
    public async Task A_table_for_a_document_has_a_line_for_each_row_and_a_sum()
    {
        await using var smtp = new StandInSmtp(new Dictionary<string, string>());

        var (code, output, _) = await RunAsync(
            "--target", $"{smtp.Place}", "--markdown", "--only", "EX07-RFC-2034", "OXSMTP-EV-13");

        var lines = output.Split('\n');
        Assert.StartsWith("| OXSMTP-EV-13 | MS-OXSMTP NewConnectionNotAvailable |", lines[2], StringComparison.Ordinal);
        Assert.Contains("MAIL FROM:&lt;>: 250 2.1.0;", lines[3], StringComparison.Ordinal);
        Assert.Equal("2 rows: 1 pass, 1 not observable", lines[5]);
        Assert.Equal(ExitCode.Done, code);
    }

    [Theory]
    [InlineData("No such row: OXSMTP-EV-99", "--target", "127.0.0.1:1", "--only", "OXSMTP-EV-99")]
    [InlineData("--target: \"mx\" is not host:port.", "--target", "mx")]
    [InlineData("--tarpit: 0 to 86400 seconds.", "--target", "127.0.0.1:1", "--tarpit", "-1")]
    public async Task A_wrong_command_line_is_told_from_a_verdict(string message, params string[] arguments)
    {
        var (code, _, error) = await RunAsync(arguments);

        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, code);
    }

    private static Task<Finding> PlayAsync(string id, Target target) =>
        Inspection.PlayAsync(Inspection.Probes.Single(probe => probe.Id == id),
            new Visit(target, TimeProvider.System, TestContext.Current.CancellationToken));

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var terminal = new Terminal(new StringReader(""), output, error, isInteractive: false);
        var code = await CommandLine.RunAsync(["conformance", .. arguments], terminal);
        return (code, output.ToString(), error.ToString());
    }
}
