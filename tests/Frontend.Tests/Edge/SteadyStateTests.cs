using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using MailCluster.Shared.Accounts;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>
/// The loop of one command, from the pipe it is read from to the pipe its reply is flushed to, allocates nothing.
/// </summary>
[Collection(nameof(Alone))]
public sealed class SteadyStateTests(RunningNode node) : IClassFixture<RunningNode>
{
    private const int Commands = 10_000;

    [Theory]
    [InlineData("NOOP\r\n")]
    [InlineData("RSET\r\n")]
    [InlineData("HELP\r\n")]
    [InlineData("EHLO client.example\r\n")]
    [InlineData("NOOP\r\nRSET\r\nNOOP\r\n")]
    public async Task An_smtp_command_allocates_nothing(string command)
    {
        var client = PipeClient.Smtp(node);
        await client.ReadAsync();
        await client.AskAsync("EHLO client.example", "AUTH SCRAM-SHA-256\r\n");

        Assert.Equal(0, await AllocatedByAsync(client, command));
    }

    [Theory]
    [InlineData("NOOP\r\n")]
    [InlineData("STAT\r\n")]
    [InlineData("RSET\r\n")]
    [InlineData("STAT\r\nNOOP\r\n")]
    public async Task A_pop3_command_allocates_nothing(string command)
    {
        var directory = node.Node.Store.Directory;
        await directory.AddDomainAsync("steady", "steady.test", TestContext.Current.CancellationToken);
        ImmutableArray<(string, ScramKeys?)> users =
            [("user", ScramSha256.Derive("secret", RandomNumberGenerator.GetBytes(16), 4096))];
        await directory.AddAccountsAsync("steady.test", users, TestContext.Current.CancellationToken);
        var client = PipeClient.Pop3(node);
        await client.ReadAsync();
        await client.AskAsync("USER user@steady.test");
        Assert.StartsWith("+OK", await client.AskAsync("PASS secret"), StringComparison.Ordinal);

        Assert.Equal(0, await AllocatedByAsync(client, command));
    }

    private static async Task<long> AllocatedByAsync(PipeClient client, string command)
    {
        var octets = Encoding.ASCII.GetBytes(command);
        await client.SettleAsync();
        var replies = await RunAsync(client, octets, Commands / 10);
        Assert.True(replies > 0);
        // What the first calls compile and fill is not the steady state; the least of three rounds is.
        var least = long.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            var thread = Environment.CurrentManagedThreadId;
            var before = GC.GetAllocatedBytesForCurrentThread();
            var taken = await RunAsync(client, octets, Commands);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(replies * 10, taken);
            Assert.Equal(thread, Environment.CurrentManagedThreadId);
            least = Math.Min(least, allocated);
        }

        return least;
    }

    private static async ValueTask<long> RunAsync(PipeClient client, byte[] octets, int times)
    {
        long replies = 0;
        for (var i = 0; i < times; i++)
        {
            replies += await client.ExchangeAsync(octets);
        }

        return replies;
    }
}
