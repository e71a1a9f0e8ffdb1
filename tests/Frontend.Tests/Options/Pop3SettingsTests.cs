using System.Diagnostics.Metrics;
using System.Globalization;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Frontend.Tests.Options;

/// <summary>The settings of [MS-STANXPOP3]: their names, ranges and defaults, as Exchange has them.</summary>
public sealed class Pop3SettingsTests
{
    private static readonly Dictionary<string, Func<Pop3Options, object?>> Values = new()
    {
        ["LoginType"] = pop3 => pop3.LoginType,
        ["PreAuthenticatedConnectionTimeout"] = pop3 => pop3.PreAuthenticatedConnectionTimeout,
        ["AuthenticatedConnectionTimeout"] = pop3 => pop3.AuthenticatedConnectionTimeout,
        ["MaxCommandSize"] = pop3 => pop3.MaxCommandSize,
        ["MaxLogonFailures"] = pop3 => pop3.MaxLogonFailures,
        ["MaxConnections"] = pop3 => pop3.MaxConnections,
        ["MaxConnectionFromSingleIP"] = pop3 => pop3.MaxConnectionFromSingleIP,
        ["MaxConnectionsPerUser"] = pop3 => pop3.MaxConnectionsPerUser,
        ["EnableExactRFC822Size"] = pop3 => pop3.EnableExactRFC822Size,
        ["RequireUtf8Mode"] = pop3 => pop3.RequireUtf8Mode,
    };

    [Theory]
    [Trait("Requirement", "STANXPOP3-NV-2.1.2")]
    [Trait("Requirement", "STANXPOP3-NV-2.1.4")]
    [Trait("Requirement", "STANXPOP3-NV-2.1.5")]
    [Trait("Requirement", "STANXPOP3-V0002")]
    [Trait("Requirement", "STANXPOP3-E0002")]
    [Trait("Requirement", "STANXPOP3-E0006")]
    [InlineData("LoginType", "SecureLogin")]
    [InlineData("PreAuthenticatedConnectionTimeout", "00:01:00")]
    [InlineData("AuthenticatedConnectionTimeout", "00:30:00")]
    [InlineData("MaxCommandSize", "512")]
    [InlineData("MaxLogonFailures", "3")]
    [InlineData("MaxConnections", "2147483647")]
    [InlineData("MaxConnectionFromSingleIP", "2147483647")]
    [InlineData("MaxConnectionsPerUser", "16")]
    [InlineData("EnableExactRFC822Size", "False")]
    [InlineData("RequireUtf8Mode", "True")]
    public void A_setting_that_is_left_out_has_its_default(string key, string expected) =>
        Assert.Equal(expected, Convert.ToString(Values[key](Load()), CultureInfo.InvariantCulture));

    [Theory]
    [Trait("Requirement", "STANXPOP3-NV-2.1.2")]
    [Trait("Requirement", "STANXPOP3-E0006")]
    [InlineData("MaxCommandSize", 40, 1024)]
    [InlineData("MaxLogonFailures", 0, 10)]
    [InlineData("MaxConnections", 1, int.MaxValue)]
    [InlineData("MaxConnectionFromSingleIP", 1, int.MaxValue)]
    [InlineData("MaxConnectionsPerUser", 1, int.MaxValue)]
    public void A_number_is_accepted_to_the_ends_of_its_range_and_not_beyond(string key, long least, long most)
    {
        foreach (var inside in (long[])[least, most])
        {
            Assert.Equal(inside, Convert.ToInt64(Values[key](Load((key, Text(inside)))), CultureInfo.InvariantCulture));
        }

        foreach (var outside in (long[])[least - 1, most + 1])
        {
            var fault = Assert.Throws<ConfigurationFaultException>(() => Load((key, Text(outside))));
            Assert.Contains(fault.Faults, found => found.Key == "MailCluster:Pop3:" + key);
        }
    }

    /// <summary>
    /// The reference's range is 30 s to 1 h; ours is wider, and below 10 minutes it says what RFC 1939 asks.
    /// </summary>
    [Theory]
    [Trait("Requirement", "STANXPOP3-V0002")]
    [InlineData("PreAuthenticatedConnectionTimeout", "00:00:30")]
    [InlineData("PreAuthenticatedConnectionTimeout", "01:00:00")]
    [InlineData("AuthenticatedConnectionTimeout", "00:00:30")]
    [InlineData("AuthenticatedConnectionTimeout", "01:00:00")]
    public void Both_timers_can_be_set(string key, string value) =>
        Assert.Equal(TimeSpan.Parse(value, CultureInfo.InvariantCulture), Values[key](Load((key, value))));

    [Theory]
    [InlineData("MaxConnections")]
    [InlineData("MaxConnectionFromSingleIP")]
    [InlineData("MaxConnectionsPerUser")]
    public void A_limit_may_be_none(string key) => Assert.Null(Values[key](Load((key, "unlimited"))));

    [Theory]
    [Trait("Requirement", "STANXPOP3-E0007")]
    [InlineData("254", true)]
    [InlineData("255", false)]
    public void Below_255_octets_of_command_an_administrator_is_told_that_there_is_no_CAPA(string size, bool isTold)
    {
        var advice = LoadAll(("MaxCommandSize", size)).Advice;
        Assert.Equal(isTold, advice.Any(line => line.Contains("CAPA", StringComparison.Ordinal)));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0001")]
    public void Any_port_can_be_listened_on_with_TLS_from_the_start_or_later()
    {
        var pop3 = Load(
            ("Bindings:0:Name", "pop3"), ("Bindings:0:Endpoint", "0.0.0.0:110,[::]:110"),
            ("Bindings:1:Name", "pop3s"), ("Bindings:1:Endpoint", "0.0.0.0:995"), ("Bindings:1:Tls", "Implicit"));

        Assert.Equal([110, 110], pop3.Bindings[0].Endpoints.Select(endpoint => endpoint.Port));
        Assert.Equal(BindingTls.StartTls, pop3.Bindings[0].Tls);
        Assert.Equal([995], pop3.Bindings[1].Endpoints.Select(endpoint => endpoint.Port));
        Assert.Equal(BindingTls.Implicit, pop3.Bindings[1].Tls);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-NV-2.1.4")]
    [Trait("Requirement", "STANXPOP3-NV-2.1.2")]
    public void What_is_set_reaches_the_sessions_of_every_binding()
    {
        var options = LoadAll(
            ("MaxCommandSize", "100"), ("EnableExactRFC822Size", "true"), ("LoginType", "PlainTextAuthentication"),
            ("MaxConnectionsPerUser", "3"), ("RequireUtf8Mode", "false"), ("MaxLogonFailures", "7")).Options;

        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new EdgeMetrics(services.GetRequiredService<IMeterFactory>());
        var sasl = new SaslOffer(options, metrics, NullLogger<SaslOffer>.Instance);
        foreach (var binding in options.Pop3.Bindings)
        {
            var made = EdgeEndpoints.Pop3(binding, options, sasl, canTls: true, new ConnectionPlaces(5));
            Assert.Equal(100, made.Session.MaxCommandSize);
            Assert.True(made.Session.EnableExactRFC822Size);
            Assert.False(made.Session.RequireUtf8Mode);
            Assert.Equal(Shared.Pop3.Pop3LoginType.PlainTextAuthentication, made.Session.LoginType);
            Assert.Equal(7, made.Session.MaxLogonFailures);
            Assert.Equal(3, made.MaxConnectionsPerUser);
            Assert.Equal(5, made.Edge.Places.Max);
            Assert.Equal(binding.Tls == BindingTls.StartTls, made.Session.OffersStls);
        }
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static Pop3Options Load(params (string Key, string Value)[] settings) => LoadAll(settings).Options.Pop3;

    private static LoadedConfiguration LoadAll(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => new KeyValuePair<string, string?>(
                "MailCluster:Pop3:" + setting.Key, setting.Value))).Build();
        return ConfigurationLoader.Load(configuration, null, "./data");
    }
}
