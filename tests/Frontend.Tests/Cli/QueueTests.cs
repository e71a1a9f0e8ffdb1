using System.Net;
using System.Text.Json;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Commands;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Frontend.Tests.Cli;

public sealed class QueueTests(RunningNode node) : IClassFixture<RunningNode>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_waits_is_listed_shown_and_delivered_when_it_is_asked_for()
    {
        var mailbox = await AddUserAsync("queue.test");
        SpoolId[] ids =
        [
            await SpoolAsync(mailbox, "queue.test"), await SpoolAsync(mailbox, "queue.test"),
            await SpoolAsync(mailbox, "queue.test"),
        ];

        var list = (await RunAsync("queue", "list", "--domain", "queue.test")).Output.TrimEnd().Split('\n');
        Assert.Equal(3, list.Length);
        Assert.StartsWith($"{ids[0].Value}\t", list[0], StringComparison.Ordinal);
        Assert.EndsWith("\t2\tgiven up\tthe reason", list[0], StringComparison.Ordinal);
        Assert.Contains("\t<sender@elsewhere.test>\tann@queue.test\t", list[0], StringComparison.Ordinal);
        Assert.Equal(2, await CountAsync("--mailbox", "ann@queue.test", "--limit", "2"));
        Assert.Equal(1, await CountAsync("--recipient", "ANN@queue.test", "--after", $"{ids[1].Value}"));
        Assert.Equal(0, await CountAsync("--domain", "elsewhere.test"));
        Assert.Contains("the reason", (await RunAsync("queue", "show", $"{ids[0].Value}")).Output,
            StringComparison.Ordinal);

        Assert.Equal(0, (await RunAsync("queue", "retry", $"{ids[1].Value}")).Code);
        await UntilAsync(async () => await CountAsync("--domain", "queue.test") < 3);
        Assert.Equal(1, (await RunAsync("queue", "show", $"{ids[1].Value}")).Code);
        Assert.Equal(0, (await RunAsync("queue", "retry", "--all")).Code);
        await UntilAsync(async () => await CountAsync("--domain", "queue.test") == 0);
        var image = await node.Node.Store.Mailboxes.LoadAsync(mailbox, Cancelled);
        Assert.Equal(3, image!.Inbox.Length);
    }

    [Fact]
    public async Task Pages_of_the_api_meet_without_a_gap()
    {
        var mailbox = await AddUserAsync("pages.test");
        for (var i = 0; i < 5; i++)
        {
            await SpoolAsync(mailbox, "pages.test");
        }

        using var client = node.Client();
        var ids = new List<long>();
        string? after = null;
        do
        {
            var query = after is null ? "" : $"&after={after}";
            var page = await client.GetStringAsync(
                $"/admin/v1/queue?limit=2&mailbox=ann@pages.test{query}", Cancelled);
            using var document = JsonDocument.Parse(page);
            ids.AddRange(document.RootElement.GetProperty("items").EnumerateArray()
                .Select(row => long.Parse(row.GetProperty("id").GetString()!, null)));
            after = document.RootElement.GetProperty("next").GetString();
        }
        while (after is not null);
        Assert.Equal(5, ids.Count);
        Assert.Equal(ids.Order().Distinct(), ids);
    }

    [Theory]
    [InlineData("GET", "queue/no-number", HttpStatusCode.NotFound)]
    [InlineData("GET", "queue/4711", HttpStatusCode.NotFound)]
    [InlineData("POST", "queue/4711/retry", HttpStatusCode.NotFound)]
    [InlineData("GET", "queue?mailbox=nobody@no.test", HttpStatusCode.NotFound)]
    [InlineData("GET", "queue?after=x", HttpStatusCode.BadRequest)]
    [InlineData("GET", "queue?limit=0", HttpStatusCode.BadRequest)]
    public async Task What_is_not_there_or_not_valid_is_refused(string method, string path, HttpStatusCode expected)
    {
        using var client = node.Client();
        using var answer = await client.SendAsync(new(new HttpMethod(method), $"/admin/v1/{path}"), Cancelled);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("queue retry")]
    [InlineData("queue retry 1 --all")]
    [InlineData("queue list --limit 0")]
    public async Task A_wrong_command_line_is_code_64(string arguments) =>
        Assert.Equal(ExitCode.Usage, (await RunAsync(arguments.Split(' '))).Code);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            Cancelled.ThrowIfCancellationRequested();
        }
    }

    private async Task<MailboxId> AddUserAsync(string domain)
    {
        await node.Node.Store.Directory.AddDomainAsync("queue", domain, Cancelled);
        await node.Node.Store.Directory.AddAccountsAsync(domain, [("ann", null)], Cancelled);
        return (await node.Node.Store.Directory.FindAccountAsync("ann", domain, Cancelled))!.Id.Mailbox;
    }

    /// <summary>A row that nothing delivers by itself.</summary>
    private async Task<SpoolId> SpoolAsync(MailboxId mailbox, string domain)
    {
        var store = node.Node.Store;
        var body = new StoreOperation.InsertBody(store.Bodies.NextId(), new byte[10], 10, 0);
        var row = new SpoolRow(
            store.Spool.NextId(), mailbox, body.Body, 10, 10,
            new SpoolEnvelope(
                "sender@elsewhere.test", $"ann@{domain}", SmtpBodyKind.SevenBit, false, null),
            DateTimeOffset.UnixEpoch, 2, null, "the reason");
        var unit = new CommitUnit(1);
        unit.Contribute(store.Committer, null, body, new StoreOperation.InsertSpool(row));
        Assert.Equal(CommitOutcome.Committed, await unit.Completion);
        return row.Id;
    }

    private async Task<int> CountAsync(params string[] words)
    {
        using var list = JsonDocument.Parse((await RunAsync(["queue", "list", "--json", .. words])).Output);
        return list.RootElement.GetArrayLength();
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
