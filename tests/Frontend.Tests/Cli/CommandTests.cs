using System.Text.Json;
using MailCluster.Frontend.Commands;
using MailCluster.Shared.Accounts;
using Xunit;

namespace MailCluster.Frontend.Tests.Cli;

public sealed class CommandTests(RunningNode node) : IClassFixture<RunningNode>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Domains_users_and_aliases_are_made_shown_and_removed()
    {
        Assert.Equal(0, (await Run("domain", "add", "cli.test", "--tenant", "Cli")).Code);
        Assert.Equal(0, (await Run("user", "add", "ann@cli.test", "--password", "pw")).Code);
        Assert.Equal(0, (await Run("alias", "add", "all@cli.test", "ann@cli.test", "postmaster@cli.test")).Code);

        Assert.Contains("cli.test\tCli", (await Run("domain", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(
            "ann@cli.test\tactive\npostmaster@cli.test\tno password\n", (await Run("user", "list", "cli.test")).Output);
        Assert.Equal(
            "all@cli.test\tann@cli.test, postmaster@cli.test\n", (await Run("alias", "list", "cli.test")).Output);
        Assert.Contains("Messages\t0", (await Run("mailbox", "show", "ann@cli.test")).Output, StringComparison.Ordinal);

        Assert.Equal(0, (await Run("user", "suspend", "ann@cli.test")).Code);
        Assert.Contains(
            "ann@cli.test\tsuspended", (await Run("user", "list", "cli.test")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("user", "suspend", "ann@cli.test", "--undo")).Code);
        Assert.Contains(
            "ann@cli.test\tactive", (await Run("user", "list", "cli.test")).Output, StringComparison.Ordinal);

        Assert.Equal(0, (await Run("alias", "remove", "all@cli.test")).Code);
        Assert.Equal(1, (await Run("domain", "remove", "cli.test")).Code);
        Assert.Equal(0, (await Run("user", "remove", "ann@cli.test")).Code);
        Assert.Equal(0, (await Run("domain", "remove", "cli.test")).Code);
        Assert.DoesNotContain("cli.test", (await Run("domain", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_that_is_made_up_is_shown_and_right()
    {
        await Run("domain", "add", "made.test");
        var said = (await Run("user", "add", "ann@made.test")).Output;
        var account = await node.Node.Store.Directory.FindAccountAsync("ann", "made.test", Cancelled);

        var password = said.Trim()[(said.Trim().LastIndexOf(' ') + 1)..];
        Assert.Equal(20, password.Length);
        Assert.True(ScramSha256.Matches(account!.Keys!, password));
    }

    [Fact]
    public async Task A_password_comes_from_standard_input()
    {
        await Run("domain", "add", "stdin.test");
        await Run("user", "add", "ann@stdin.test", "--password", "old");

        var result = await RunWith("from stdin\n", "user", "passwd", "ann@stdin.test", "--password-stdin");

        var account = await node.Node.Store.Directory.FindAccountAsync("ann", "stdin.test", Cancelled);
        Assert.Equal(0, result.Code);
        Assert.DoesNotContain("from stdin", result.Output, StringComparison.Ordinal);
        Assert.True(ScramSha256.Matches(account!.Keys!, "from stdin"));
    }

    [Fact]
    public async Task Json_is_one_list_over_all_pages()
    {
        await Run("domain", "add", "json.test");
        await Run("user", "add", "ann@json.test", "--password", "pw");

        using var json = JsonDocument.Parse((await Run("user", "list", "json.test", "--json")).Output);

        Assert.Equal(["ann@json.test", "postmaster@json.test"],
            json.RootElement.EnumerateArray().Select(user => user.GetProperty("address").GetString()));
    }

    [Fact]
    public async Task A_refusal_says_why()
    {
        var result = await Run("user", "add", "ann@nowhere.test", "--password", "pw");

        Assert.Equal(ExitCode.Refused, result.Code);
        Assert.Equal("No such domain: There is no domain nowhere.test.\n", result.Error);
    }

    [Fact]
    public async Task A_name_cannot_reach_into_another_path()
    {
        var result = await Run("domain", "remove", "../users/x@x.test?withUsers=true");

        Assert.Equal(ExitCode.Refused, result.Code);
        Assert.StartsWith("No such domain", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_node_it_says_so()
    {
        var result =
            await RunAsync("", ["domain", "list", "--url", "http://127.0.0.1:1", "--token-file", node.TokenFile]);

        Assert.Equal(ExitCode.NoNode, result.Code);
        Assert.StartsWith("No node answers at http://127.0.0.1:1/", result.Error, StringComparison.Ordinal);
        Assert.Contains("mailcluster serve", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_token_is_told_from_a_missing_node()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "wrong", Cancelled);

        var result = await RunAsync("", ["domain", "list", "--url", node.Url.ToString(), "--token-file", file]);
        File.Delete(file);

        Assert.Equal(ExitCode.NotAllowed, result.Code);
        Assert.Contains("does not take this admin token", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("domain add")]
    [InlineData("serve --seed-users -1")]
    [InlineData("serve --seed-users many")]
    [InlineData("user add ann@x.test --password")]
    public async Task A_wrong_command_line_is_code_64(string arguments)
    {
        var result = await RunAsync("", arguments.Split(' '));

        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.NotEqual("", result.Error);
    }

    [Fact]
    public async Task Check_config_says_what_is_wrong_and_what_is_not_in_force()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, """{"MailCluster":{"Pop3":{"MaxCommandSize":9}}}""", Cancelled);
        var wrong = await RunAsync("", ["check-config", "--config", file]);
        File.Delete(file);
        var right = await RunAsync(
            "", ["check-config", "--config", Path.Combine(AppContext.BaseDirectory, "Options", "config.example.json")]);

        Assert.Equal(ExitCode.Configuration, wrong.Code);
        Assert.Contains(
            "MailCluster:Pop3:MaxCommandSize: \"9\" is not allowed; allowed: a whole number from 40 to 1024",
            wrong.Error,
            StringComparison.Ordinal);
        Assert.Equal(0, right.Code);
        Assert.Contains("not in force: MailCluster:Imap", right.Output, StringComparison.Ordinal);
        Assert.Contains("listens: gateway on 127.0.0.1:2525", right.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_without_its_database_is_refused()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, """{"MailCluster":{"Store":{"Kind":"PostgreSql"}}}""", Cancelled);

        var checkedOnly = await RunAsync("", ["check-config", "--config", file]);
        var served = await RunAsync("", ["serve", "--config", file]);
        File.Delete(file);

        Assert.Equal(ExitCode.Configuration, checkedOnly.Code);
        Assert.Equal(ExitCode.Configuration, served.Code);
        Assert.Contains("MailCluster:Store:ConnectionString", served.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_is_one_line() =>
        Assert.Matches("^[0-9]+\\.[0-9]+\\.[0-9]+.*\n$", (await RunAsync("", ["version"])).Output);

    [Fact]
    public async Task A_defect_is_told_with_all_that_is_known_of_it_and_has_an_exit_code_of_its_own()
    {
        using var error = new StringWriter();
        var output = new Broken();

        var code = await CommandLine.RunAsync(
            ["version"], new Terminal(TextReader.Null, output, error, isInteractive: false));

        Assert.Equal(ExitCode.Defect, code);
        Assert.Contains("Nobody expected that.", error.ToString(), StringComparison.Ordinal);
        Assert.Contains(nameof(Broken), error.ToString(), StringComparison.Ordinal);
    }

    private Task<(int Code, string Output, string Error)> Run(params string[] arguments) => RunWith("", arguments);

    private Task<(int Code, string Output, string Error)> RunWith(string input, params string[] arguments) =>
        RunAsync(input, [.. arguments, "--url", node.Url.ToString(), "--token-file", node.TokenFile]);

    private static async Task<(int Code, string Output, string Error)> RunAsync(string input, string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var reader = new StringReader(input);
        var code = await CommandLine.RunAsync(arguments, new Terminal(reader, output, error, isInteractive: false));
        return (code, output.ToString(), error.ToString());
    }

    private sealed class Broken : StringWriter
    {
        public override void WriteLine(string? value) => throw new InvalidOperationException("Nobody expected that.");
    }
}
