using System.Collections.Immutable;
using System.Security.Cryptography;
using MailCluster.Shared.Accounts;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>
/// Messages that are fetched in sequence come from memory, and still only while they exist (STANXPOP3-C0004).
/// </summary>
public sealed class ReadAheadTests(RunningNode node) : IClassFixture<RunningNode>
{
    [Fact]
    [Trait("Requirement", "STANXPOP3-C0004")]
    public async Task A_message_that_was_read_ahead_and_then_removed_elsewhere_is_refused()
    {
        await MakeUserAsync("ahead.test");
        for (var i = 1; i <= 6; i++)
        {
            await SendAsync("user@ahead.test", $"message {i}");
        }

        var reader = await LogInAsync("user@ahead.test");
        Assert.Contains("message 1\r\n", await reader.AskAsync("RETR 1", "\r\n.\r\n"), StringComparison.Ordinal);
        Assert.Contains("message 2\r\n", await reader.AskAsync("RETR 2", "\r\n.\r\n"), StringComparison.Ordinal);
        Assert.Contains("message 3\r\n", await reader.AskAsync("RETR 3", "\r\n.\r\n"), StringComparison.Ordinal);

        var other = await LogInAsync("user@ahead.test");
        Assert.StartsWith("+OK", await other.AskAsync("DELE 5"), StringComparison.Ordinal);
        Assert.StartsWith("+OK", await other.AskAsync("QUIT"), StringComparison.Ordinal);

        Assert.Contains("message 4\r\n", await reader.AskAsync("RETR 4", "\r\n.\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("-ERR", await reader.AskAsync("RETR 5"), StringComparison.Ordinal);
        Assert.Contains("message 6\r\n", await reader.AskAsync("RETR 6", "\r\n.\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("+OK 6 ", await reader.AskAsync("STAT"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_read_ahead_equals_what_is_read_alone_whatever_the_sizes()
    {
        await MakeUserAsync("sizes.test");
        int[] sizes = [1, 100, 5_000, 40_000, 300, 70_000, 2, 31_000, 31_000, 31_000, 7, 0, 200_000, 9];
        foreach (var size in sizes)
        {
            await SendAsync("user@sizes.test", $"{size}:" + new string('.', size));
        }

        var sequential = await LogInAsync("user@sizes.test");
        var reversed = await LogInAsync("user@sizes.test");
        var alone = new Dictionary<int, string>();
        for (var i = sizes.Length; i >= 1; i--)
        {
            alone[i] = await reversed.AskAsync($"RETR {i}", "\r\n.\r\n");
        }

        for (var i = 1; i <= sizes.Length; i++)
        {
            var message = await sequential.AskAsync($"RETR {i}", "\r\n.\r\n");
            Assert.Equal(alone[i], message);
            Assert.Contains(
                $"{sizes[i - 1]}:" + new string('.', sizes[i - 1]) + "\r\n", message, StringComparison.Ordinal);
        }
    }

    private async Task MakeUserAsync(string domain)
    {
        var directory = node.Node.Store.Directory;
        await directory.AddDomainAsync("ahead", domain, TestContext.Current.CancellationToken);
        ImmutableArray<(string, ScramKeys?)> users =
            [("user", ScramSha256.Derive("secret", RandomNumberGenerator.GetBytes(16), 4096))];
        await directory.AddAccountsAsync(domain, users, TestContext.Current.CancellationToken);
    }

    private async Task SendAsync(string to, string text)
    {
        var client = PipeClient.Smtp(node);
        await client.ReadAsync();
        await client.AskAsync("HELO client.example");
        await client.AskAsync("MAIL FROM:<a@b.test>");
        Assert.StartsWith("250", await client.AskAsync($"RCPT TO:<{to}>"), StringComparison.Ordinal);
        await client.AskAsync("DATA");
        Assert.StartsWith("250", await client.AskAsync($"Subject: x\r\n\r\n{text}\r\n."), StringComparison.Ordinal);
        await client.AskAsync("QUIT");
    }

    private async Task<PipeClient> LogInAsync(string user)
    {
        var client = PipeClient.Pop3(node);
        await client.ReadAsync();
        await client.AskAsync($"USER {user}");
        Assert.StartsWith("+OK", await client.AskAsync("PASS secret"), StringComparison.Ordinal);
        return client;
    }
}
