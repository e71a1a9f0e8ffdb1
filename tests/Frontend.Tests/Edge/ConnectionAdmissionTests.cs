using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Smtp;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

public sealed class ConnectionAdmissionTests : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ActorSystem _system;
    private readonly ConnectionAdmission _admission;

    public ConnectionAdmissionTests()
    {
        _system = new ActorSystem(
            ThreadPoolScheduler.Instance, TimeProvider.System, new ActorSystemOptions(), NullLoggerFactory.Instance,
            null);
        var limits = new SourceLimits(
            _system, new SourceLimitOptions(), new LimitsMetrics(_services.GetRequiredService<IMeterFactory>()),
            NullLoggerFactory.Instance);
        _admission = new ConnectionAdmission(limits, null!, new NodeStatus(null!, null!, null!));
    }

    public async ValueTask DisposeAsync()
    {
        await _system.DisposeAsync();
        await _services.DisposeAsync();
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-13")]
    [InlineData(LimitFallback.Refuse, ConnectionRefusal.LimitUnknown)]
    [InlineData(LimitFallback.Admit, null)]
    public async Task What_happens_when_the_home_of_a_source_does_not_answer_is_a_setting(
        LimitFallback setting, object? expected)
    {
        await _system.DisposeAsync();
        var binding = Binding(new SourceRules { PerSource = 1, WhenUnreachable = setting }, max: 10);

        var place = await EnterAsync(binding, "192.0.2.1");

        Assert.Equal(expected, place.Refusal);
        Assert.Equal(expected is null, place.HasPermit);
        Assert.Equal(expected is null, place.IsInBinding);
        Assert.Equal(SmtpGreetingRefusal.NotAvailable, ConnectionRefusals.ForSmtp(ConnectionRefusal.LimitUnknown));
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    [Trait("Requirement", "OXSMTP-EV-16")]
    public async Task A_full_binding_is_known_before_the_home_is_asked()
    {
        var binding = Binding(new SourceRules { PerSource = 1 }, max: 1);
        var first = await EnterAsync(binding, "192.0.2.1");
        Assert.Null(first.Refusal);
        // The home would say SourceFull.
        Assert.Equal(ConnectionRefusal.BindingFull, (await EnterAsync(binding, "192.0.2.1")).Refusal);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-16")]
    public async Task Connections_that_are_refused_for_their_source_take_no_places_from_others()
    {
        var binding = Binding(new SourceRules { PerSource = 1 }, max: 3);
        Assert.Null((await EnterAsync(binding, "192.0.2.1")).Refusal);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(ConnectionRefusal.SourceFull, (await EnterAsync(binding, "192.0.2.1")).Refusal);
        }

        Assert.Null((await EnterAsync(binding, "192.0.2.2")).Refusal);
        Assert.Null((await EnterAsync(binding, "192.0.2.3")).Refusal);
        Assert.Equal(ConnectionRefusal.BindingFull, (await EnterAsync(binding, "192.0.2.4")).Refusal);
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-16")]
    [InlineData(20, 100, 5000, 0, 20)]
    [InlineData(20, 2, 5000, 0, 20)]
    [InlineData(200, 2, 5000, 0, 100)]
    [InlineData(200, 2, 5000, 2500, 50)]
    [InlineData(200, 2, 5000, 4999, 1)]
    [InlineData(200, 2, null, 0, 200)]
    [InlineData(null, 2, 5000, 0, 100)]
    [InlineData(null, 100, 5000, 0, int.MaxValue)]
    public void The_share_of_the_places_left_is_rounded_up(
        int? perSource, int percentage, int? places, int taken, int expected)
    {
        var rules = new SourceRules { PerSource = perSource, Percentage = percentage };

        Assert.Equal(expected, rules.LimitWith(places, taken));
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-14")]
    [Trait("Requirement", "OXSMTP-EV-17")]
    [InlineData("10.1.2.3", true, null)]
    [InlineData("::ffff:10.1.2.3", true, null)]
    [InlineData("10.1.3.4", true, ConnectionRefusal.Blocked)]
    [InlineData("10.1.3.4", false, ConnectionRefusal.NotAccepted)]
    [InlineData("10.1.3.5", true, null)]
    [InlineData("10.1.4.0", true, ConnectionRefusal.Blocked)]
    [InlineData("192.0.2.1", true, ConnectionRefusal.NotAccepted)]
    [InlineData("2001:db8::1", true, null)]
    [InlineData("2001:db8:ffff::1", true, ConnectionRefusal.Blocked)]
    [InlineData("2001:db9::1", true, ConnectionRefusal.NotAccepted)]
    public void The_most_specific_range_decides_and_of_two_alike_the_one_that_blocks(
        string address, bool isGateway, object? expected)
    {
        var rules = new SourceRules
        {
            Accepted = Ranges("10.0.0.0/8", "10.1.3.5/32", "10.1.4.0/24", "2001:db8::/32"),
            Blocked = Ranges("10.1.3.0/24", "10.1.4.0/24", "2001:db8:ffff::/48"),
            IsGateway = isGateway,
        };

        Assert.Equal(expected, rules.Judge(IPAddress.Parse(address)));
    }

    private static ImmutableArray<IPNetwork> Ranges(params string[] ranges) => [.. ranges.Select(IPNetwork.Parse)];

    private static BindingEdge Binding(SourceRules rules, int max) => new(
        "gateway", "smtp", [], BindingTls.None, [], null, TimeSpan.FromMinutes(1), new ConnectionPlaces(max))
    {
        Sources = rules,
    };

    private async Task<Place> EnterAsync(BindingEdge binding, string address)
    {
        var pipe = new Pipe();
        var ends = new Ends(pipe.Reader, pipe.Writer);
        var transport = new DefaultConnectionContext("test", ends, ends)
        {
            RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 1),
        };
        using var clock = new IdleClock(TimeProvider.System);
        var connection = new ClientConnection(transport, clock, null, TimeSpan.FromMinutes(1))
        {
            Id = _admission.NextConnection(),
        };
        return await _admission.EnterAsync(connection, binding);
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
