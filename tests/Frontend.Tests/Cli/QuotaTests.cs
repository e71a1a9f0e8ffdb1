using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using MailCluster.Frontend.Admin;
using MailCluster.Frontend.Commands;
using Xunit;

namespace MailCluster.Frontend.Tests.Cli;

[Trait("Requirement", "STANXPOP3-E0003")]
public sealed class QuotaTests(RunningNode node) : IClassFixture<RunningNode>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Limits_are_inherited_and_shown_with_the_level_they_come_from()
    {
        await AddUserAsync("acme", "quota.test");
        Assert.Equal(0, (await RunAsync("quota", "set", "--tenant", "acme", "--storage", "10G")).Code);
        Assert.Equal(0, (await RunAsync("quota", "set", "quota.test", "--warning", "80")).Code);
        Assert.Equal(0, (await RunAsync("quota", "set", "ann@quota.test", "--retention", "30")).Code);
        await AssertAsync("ann@quota.test", (10L << 30, "tenant"), (80, "domain"), (30, "mailbox"));
        await AssertAsync("quota.test", (10L << 30, "tenant"), (80, "domain"), (null, "configuration"));

        Assert.Equal(0, (await RunAsync("quota", "set", "ann@quota.test", "--storage", "none")).Code);
        await AssertAsync("ann@quota.test", (null, "mailbox"), (80, "domain"), (30, "mailbox"));
        Assert.Equal(
            0, (await RunAsync("quota", "set", "ann@quota.test", "--storage", "inherit", "--retention", "inherit")).Code);
        await AssertAsync("ann@quota.test", (10L << 30, "tenant"), (80, "domain"), (null, "configuration"));

        var shown = (await RunAsync("quota", "show", "ann@quota.test")).Output;
        Assert.Contains("Storage\t10 GiB (10,737,418,240 octets)\ttenant\n", shown, StringComparison.Ordinal);
        Assert.Contains("Used\t0 octets, 0 %", shown, StringComparison.Ordinal);
        Assert.Contains("Warning\tnone\t", (await RunAsync("quota", "set", "quota.test", "--warning", "none")).Code == 0
            ? (await RunAsync("quota", "show", "quota.test")).Output : "", StringComparison.Ordinal);
        Assert.Contains("Quota\t10,737,418,240 octets, 0 % used",
            (await RunAsync("mailbox", "show", "ann@quota.test")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tenants/nobody", "{}", HttpStatusCode.NotFound)]
    [InlineData("domains/nowhere.test", "{}", HttpStatusCode.NotFound)]
    [InlineData("mailboxes/nobody@limits.test", "{}", HttpStatusCode.NotFound)]
    [InlineData("mailboxes/nobody", "{}", HttpStatusCode.NotFound)]
    [InlineData("domains/limits.test", "{\"storage\":\"1.5G\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"storage\":\"-1\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"storage\":\"\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"storage\":\"5E\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"storage\":\"4E\"}", HttpStatusCode.NoContent)]
    [InlineData("domains/limits.test", "{\"storage\":\"0\"}", HttpStatusCode.NoContent)]
    [InlineData("domains/limits.test", "{\"warning\":\"0\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"warning\":\"101\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"warning\":\"100\"}", HttpStatusCode.NoContent)]
    [InlineData("domains/limits.test", "{\"retention\":\"36501\"}", HttpStatusCode.BadRequest)]
    [InlineData("domains/limits.test", "{\"retention\":\"36500\"}", HttpStatusCode.NoContent)]
    [InlineData("domains/limits.test", "{\"quota\":\"1\"}", HttpStatusCode.BadRequest)]
    public async Task What_is_not_there_or_not_valid_is_refused(string path, string body, HttpStatusCode expected)
    {
        await AddUserAsync("limits", "limits.test");
        using var client = node.Client();
        using var content = new StringContent(body, null, "application/json");
        using var answer = await client.PatchAsync($"/admin/v1/quotas/{path}", content, Cancelled);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("quota show")]
    [InlineData("quota show a.test --tenant b")]
    [InlineData("quota set a.test")]
    public async Task A_wrong_command_line_is_code_64(string arguments) =>
        Assert.Equal(ExitCode.Usage, (await RunAsync(arguments.Split(' '))).Code);

    private async Task AssertAsync(
        string name, (long?, string) storage, (long?, string) warning, (long?, string) retention)
    {
        var shown = (await RunAsync("quota", "show", name, "--json")).Output;
        var quota = JsonSerializer.Deserialize(shown, AdminJson.Default.QuotaView)!;
        Assert.Equal(
            [storage, warning, retention],
            new[] { quota.Storage, quota.Warning, quota.Retention }.Select(limit => (limit.Value, limit.From)));
        using var client = node.Client();
        var kind = name.Contains('@') ? "mailboxes" : "domains";
        Assert.Equal(
            quota,
            await client.GetFromJsonAsync($"/admin/v1/quotas/{kind}/{name}", AdminJson.Default.QuotaView, Cancelled));
    }

    private async Task AddUserAsync(string tenant, string domain)
    {
        await node.Node.Store.Directory.AddDomainAsync(tenant, domain, Cancelled);
        await node.Node.Store.Directory.AddAccountsAsync(domain, [("ann", null)], Cancelled);
    }

    private async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        var output = new StringWriter();
        var terminal = new Terminal(TextReader.Null, output, output, isInteractive: false);
        var code = await CommandLine.RunAsync(
            [.. arguments, "--url", node.Url.ToString(), "--token-file", node.TokenFile], terminal);
        return (code, output.ToString());
    }
}
