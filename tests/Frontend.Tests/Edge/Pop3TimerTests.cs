using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using MailCluster.Actors.Kernel;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>The two inactivity timers of POP3 and the waits before logins, in virtual time.</summary>
public sealed class Pop3TimerTests(RunningNode node) : IClassFixture<RunningNode>
{
    private const string TimedOut = "-ERR Inactivity time-out, closing connection\r\n";

    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);

    private static int _sources;

    private readonly SeededScheduler _scheduler = new(1);

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0002")]
    [Trait("Requirement", "STANXPOP3-V0003")]
    public async Task Before_login_60_seconds_without_a_command_end_the_connection_with_a_line()
    {
        var client = await ConnectAsync();
        _scheduler.Advance(TimeSpan.FromSeconds(50));
        // Any command counts, a wrong one too; part of a command does not.
        Assert.StartsWith("-ERR", await client.AskAsync("FOO"), StringComparison.Ordinal);
        _scheduler.Advance(TimeSpan.FromSeconds(30));
        await client.SendAsync("CAP");
        _scheduler.Advance(TimeSpan.FromSeconds(30) - Instant);
        Assert.Empty(client.TakeText());

        _scheduler.Advance(IdleClock.Resolution);
        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.Inactivity, await client.Ended);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0002")]
    [Trait("Requirement", "STANXPOP3-V0003")]
    public async Task After_login_it_is_1800_seconds_and_what_was_marked_is_kept()
    {
        await AddUserAsync("timers", "keeper", messages: 2);
        var client = await LogInAsync("keeper@timers.test");
        Assert.StartsWith("+OK", await client.AskAsync("DELE 1"), StringComparison.Ordinal);
        _scheduler.Advance(TimeSpan.FromSeconds(1800) - Instant);
        Assert.Equal("+OK\r\n", await client.AskAsync("NOOP"));
        _scheduler.Advance(TimeSpan.FromSeconds(1800) - Instant);
        Assert.Empty(client.TakeText());

        _scheduler.Advance(IdleClock.Resolution);
        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.Inactivity, await client.Ended);

        var again = await LogInAsync("keeper@timers.test");
        Assert.StartsWith("+OK 2 ", await again.AskAsync("STAT"), StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Requirement", "STANXPOP3-V0009")]
    [InlineData("guessed@slow.test")]
    [InlineData("nobody@slow.test")]
    public async Task Failed_logins_slow_the_next_one_of_a_name_on_any_connection_of_either_protocol(string name)
    {
        await AddUserAsync("slow", "guessed", messages: 0);
        await FailSixTimesAsync(name);

        // Whoever it is and whatever the password: the same wait, the same words.
        var held = await ConnectAsync();
        Assert.StartsWith("+OK", await held.AskAsync($"USER {name}"), StringComparison.Ordinal);
        await held.SendAsync("PASS wrong\r\nCAPA\r\n");
        _scheduler.Advance(TimeSpan.FromMilliseconds(250) - Instant);
        Assert.Empty(held.TakeText());
        _scheduler.Advance(IdleClock.Resolution);
        var replies = await held.ReadAsync("\r\n.\r\n");
        Assert.StartsWith("-ERR [AUTH] Login failed\r\n+OK Cap", replies, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_out_during_the_wait_ends_the_connection()
    {
        await FailSixTimesAsync("late@slow.test");
        var client = await ConnectAsync(
            pop3 => pop3 with { PreAuthenticatedConnectionTimeout = TimeSpan.FromMilliseconds(100) });
        await client.SendAsync("USER late@slow.test\r\nPASS wrong\r\n");
        _scheduler.Advance(TimeSpan.FromMilliseconds(100) + IdleClock.Resolution);

        Assert.Equal("+OK Send PASS\r\n" + TimedOut, await client.ReadAsync("connection\r\n"));
        Assert.Equal(ConnectionEndReason.Inactivity, await client.Ended);
    }

    /// <summary>Each from another source, so that the name alone is slowed.</summary>
    private async Task FailSixTimesAsync(string name)
    {
        for (var i = 0; i < 2; i++)
        {
            var pop3 = await ConnectAsync();
            for (var failures = 0; failures < 2; failures++)
            {
                Assert.StartsWith("+OK", await pop3.AskAsync($"USER {name}"), StringComparison.Ordinal);
                Assert.Equal("-ERR [AUTH] Login failed\r\n", await pop3.AskAsync("PASS wrong"));
            }

            var smtp = await SubmitAsync();
            var plain = Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{name}\0wrong"));
            Assert.StartsWith("535 5.7.8", await smtp.AskAsync($"AUTH PLAIN {plain}"), StringComparison.Ordinal);
        }
    }

    private static IPAddress AnotherSource() => new([192, 0, 2, (byte)Interlocked.Increment(ref _sources)]);

    private async Task<PipeClient> ConnectAsync(Func<Pop3Options, Pop3Options>? change = null)
    {
        var client = PipeClient.Pop3(node, new IdleClock(_scheduler.Time), change, AnotherSource());
        Assert.StartsWith("+OK", await client.ReadAsync(), StringComparison.Ordinal);
        return client;
    }

    private async Task<PipeClient> LogInAsync(string user)
    {
        var client = await ConnectAsync();
        await client.AskAsync($"USER {user}");
        Assert.StartsWith("+OK", await client.AskAsync("PASS secret"), StringComparison.Ordinal);
        return client;
    }

    private async Task<PipeClient> SubmitAsync()
    {
        var options = SmtpBindingOptions.Demo("slow", SmtpRole.Submission, BindingTls.None, 0) with
        {
            RequireTlsForPlaintextAuth = false, AuthTarpitInterval = TimeSpan.Zero,
        };
        var sasl = node.Node.Services.GetRequiredService<SaslOffer>();
        var binding = EdgeEndpoints.Smtp(options, "mx.example.test", sasl, canTls: false);
        var client = PipeClient.Smtp(node, binding, new IdleClock(_scheduler.Time), AnotherSource());
        await client.ReadAsync();
        await client.AskAsync("EHLO client.example", "LOGIN\r\n");
        return client;
    }

    private async Task AddUserAsync(string domain, string name, int messages)
    {
        var store = node.Node.Store;
        await store.Directory.AddDomainAsync(domain, $"{domain}.test", TestContext.Current.CancellationToken);
        ImmutableArray<(string, ScramKeys?)> users =
            [(name, ScramSha256.Derive("secret", RandomNumberGenerator.GetBytes(16), 4096))];
        await store.Directory.AddAccountsAsync($"{domain}.test", users, TestContext.Current.CancellationToken);
        for (var i = 0; i < messages; i++)
        {
            var client = PipeClient.Smtp(node);
            await client.ReadAsync();
            await client.AskAsync("HELO client.example");
            await client.AskAsync("MAIL FROM:<>");
            await client.AskAsync($"RCPT TO:<{name}@{domain}.test>");
            await client.AskAsync("DATA");
            Assert.StartsWith("250", await client.AskAsync("Subject: x\r\n\r\nbody\r\n."), StringComparison.Ordinal);
        }
    }
}
