using MailCluster.Actors.Kernel;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>ConnectionTimer, ConnectionInactivityTimer and tarpit of real connections, in virtual time.</summary>
public sealed class ConnectionTimerTests(RunningNode node) : IClassFixture<RunningNode>
{
    private const string TimedOut = "421 4.4.2 Timeout, closing connection\r\n";

    private readonly SeededScheduler _scheduler = new(1);

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-01")]
    [Trait("Requirement", "OXSMTP-EV-03")]
    [Trait("Requirement", "OXSMTP-EV-04")]
    [Trait("Requirement", "OXSMTP-TMR-01")]
    [InlineData(SmtpRole.Gateway, 300)]
    [InlineData(SmtpRole.Relay, 600)]
    [InlineData(SmtpRole.Submission, 600)]
    public async Task The_connection_ends_after_its_whole_time_although_commands_keep_it_from_being_idle(
        SmtpRole role, int seconds)
    {
        var client = await ConnectAsync(role, options => options with
        {
            ConnectionInactivityTimeout = TimeSpan.FromMinutes(1),
        });

        for (var second = 50; second < seconds; second += 50)
        {
            _scheduler.Advance(TimeSpan.FromSeconds(50));
            Assert.Equal("250 2.0.0 OK\r\n", await client.AskAsync("NOOP"));
        }

        _scheduler.Advance(TimeSpan.FromSeconds(50) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(client.TakeText());
        _scheduler.Advance(IdleClock.Resolution);

        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.ConnectionTimeout, await client.Ended);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-01")]
    public async Task A_message_that_drips_in_ends_with_the_connections_time()
    {
        var client = await ConnectAsync(SmtpRole.Gateway);
        await node.Node.Store.Directory.AddDomainAsync(
            "timers", "timers.test", TestContext.Current.CancellationToken);
        await client.AskAsync("EHLO client.example", "SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH SCRAM-SHA-256\r\n");
        await client.AskAsync("MAIL FROM:<>");
        Assert.StartsWith("250", await client.AskAsync("RCPT TO:<postmaster@timers.test>"), StringComparison.Ordinal);
        await client.AskAsync("DATA");

        for (var second = 1; second < 300; second++)
        {
            _scheduler.Advance(TimeSpan.FromSeconds(1));
            await client.SendAsync("x");
            Assert.Empty(client.TakeText());
        }

        _scheduler.Advance(TimeSpan.FromSeconds(1) + IdleClock.Resolution);
        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.ConnectionTimeout, await client.Ended);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-02")]
    [Trait("Requirement", "OXSMTP-EV-04")]
    [Trait("Requirement", "OXSMTP-TMR-02")]
    public async Task The_connection_ends_when_no_command_comes_for_the_inactivity_time()
    {
        var client = await ConnectAsync(SmtpRole.Gateway, options => options with
        {
            ConnectionInactivityTimeout = TimeSpan.FromMinutes(2),
        });
        _scheduler.Advance(TimeSpan.FromSeconds(100));
        await client.AskAsync("NOOP");
        // Part of a command is no command.
        _scheduler.Advance(TimeSpan.FromSeconds(60));
        await client.SendAsync("NOO");
        _scheduler.Advance(TimeSpan.FromSeconds(60) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(client.TakeText());

        _scheduler.Advance(IdleClock.Resolution);
        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.Inactivity, await client.Ended);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    public async Task An_error_is_held_back_for_the_interval_and_what_is_pipelined_waits()
    {
        var client = await ConnectAsync(SmtpRole.Gateway);
        await client.SendAsync("NOOP\r\nFOO\r\nNOOP\r\n");
        Assert.Equal("250 2.0.0 OK\r\n", client.TakeText());

        _scheduler.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(client.TakeText());
        _scheduler.Advance(IdleClock.Resolution);

        Assert.Equal("500 5.5.1 Command not recognized\r\n250 2.0.0 OK\r\n", await client.ReadAsync("OK\r\n"));
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    public async Task A_held_reply_neither_stops_nor_resets_the_inactivity_timer()
    {
        var client = await ConnectAsync(SmtpRole.Gateway, options => options with
        {
            ConnectionInactivityTimeout = TimeSpan.FromSeconds(6),
        });
        await client.SendAsync("FOO\r\n");
        _scheduler.Advance(TimeSpan.FromSeconds(5) + IdleClock.Resolution);
        Assert.Equal("500 5.5.1 Command not recognized\r\n", await client.ReadAsync());

        _scheduler.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.Inactivity, await client.Ended);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    [Trait("Requirement", "OXSMTP-EV-01")]
    public async Task A_time_out_during_the_wait_says_421_in_place_of_the_held_reply()
    {
        var client = await ConnectAsync(SmtpRole.Gateway, options => options with
        {
            ConnectionTimeout = TimeSpan.FromSeconds(3),
            ConnectionInactivityTimeout = TimeSpan.FromSeconds(3),
        });
        await client.SendAsync("FOO\r\n");
        _scheduler.Advance(TimeSpan.FromSeconds(3) + IdleClock.Resolution);

        Assert.Equal(TimedOut, await client.ReadAsync());
        Assert.Equal(ConnectionEndReason.ConnectionTimeout, await client.Ended);
    }

    private async Task<PipeClient> ConnectAsync(
        SmtpRole role, Func<SmtpBindingOptions, SmtpBindingOptions>? change = null)
    {
        var options = SmtpBindingOptions.Demo("timers", role, BindingTls.None, 0);
        var sasl = node.Node.Services.GetRequiredService<SaslOffer>();
        var binding = EdgeEndpoints.Smtp(change?.Invoke(options) ?? options, "mx.example.test", sasl, canTls: false);
        var client = PipeClient.Smtp(node, binding, new IdleClock(_scheduler.Time));
        Assert.StartsWith("220 ", await client.ReadAsync(), StringComparison.Ordinal);
        return client;
    }
}
