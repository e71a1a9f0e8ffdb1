using System.Text.RegularExpressions;
using MailCluster.Frontend.Conformance;
using Xunit;

namespace MailCluster.Frontend.Tests.Conformance;

public sealed partial class RowTests
{
    [Fact]
    public void Every_requirement_is_a_row_and_no_other()
    {
        var document = File.ReadAllText(
            Path.Combine(RepositoryRoot.Find(), "tests", "Conformance", "requirements.md"));
        var required = RowId().Matches(document).Select(match => match.Groups[1].Value)
            .Concat(TimerId().Matches(document).Select(match => match.Groups[1].Value)).Order(StringComparer.Ordinal);

        Assert.Equal(required, Row.All.Select(row => row.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_row_has_one_probe_or_a_reason_why_it_has_none()
    {
        var probed = Inspection.Probes.Select(probe => probe.Id).Order(StringComparer.Ordinal).ToArray();

        var unexcused = Row.All.Where(row => row.Reason.Length == 0).Select(row => row.Id);

        Assert.Equal(unexcused.Order(StringComparer.Ordinal), probed);
        Assert.All(Row.All, row => Assert.True(row.Clause.Length > 0 && row.Expected.Length > 0, row.Id));
    }

    [Theory]
    [InlineData("mx.example.test:25", "mx.example.test", 25)]
    [InlineData("[::1]:2525", "::1", 2525)]
    [InlineData("127.0.0.1:65535", "127.0.0.1", 65535)]
    public void A_place_is_host_and_port(string text, string host, int port)
    {
        Assert.Equal(new Place(host, port), Place.Parse(text));
        Assert.Equal(text, Place.Parse(text)!.ToString());
    }

    [Theory]
    [InlineData("mx.example.test")]
    [InlineData(":25")]
    [InlineData("mx:0")]
    [InlineData("mx:65536")]
    [InlineData("::1:25")]
    public void What_is_no_place_is_refused(string text) => Assert.Null(Place.Parse(text));

    [GeneratedRegex(@"^\| ((?:OXSMTP|STANXPOP3|EX07|OFFINT|SUPP)-\S+) \|", RegexOptions.Multiline)]
    private static partial Regex RowId();

    [GeneratedRegex(@"\*\*(OXSMTP-TMR-\d+)\*\*")]
    private static partial Regex TimerId();
}
