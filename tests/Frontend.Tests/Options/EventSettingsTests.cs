using System.Globalization;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace MailCluster.Frontend.Tests.Options;

/// <summary>The settings of [MS-OXSMTP]'s events: their names, ranges and defaults, as Exchange has them.</summary>
public sealed class EventSettingsTests
{
    private static readonly Dictionary<string, Func<SmtpBindingOptions, object?>> Values = new()
    {
        ["ConnectionTimeout"] = binding => binding.ConnectionTimeout,
        ["ConnectionInactivityTimeout"] = binding => binding.ConnectionInactivityTimeout,
        ["MaxHopCount"] = binding => binding.MaxHopCount,
        ["MaxLocalHopCount"] = binding => binding.MaxLocalHopCount,
        ["MaxRecipientsPerMessage"] = binding => binding.MaxRecipientsPerMessage,
        ["MessageRateLimit"] = binding => binding.MessageRateLimit,
        ["MessageRateSource"] = binding => binding.MessageRateSource,
        ["MaxHeaderSize"] = binding => binding.MaxHeaderSize,
        ["MaxMessageSize"] = binding => binding.MaxMessageSize,
        ["MaxProtocolErrors"] = binding => binding.MaxProtocolErrors,
        ["MaxLogonFailures"] = binding => binding.MaxLogonFailures,
        ["MaxInboundConnections"] = binding => binding.MaxInboundConnections,
        ["MaxInboundConnectionPerSource"] = binding => binding.MaxInboundConnectionPerSource,
        ["MaxInboundConnectionPercentagePerSource"] = binding => binding.MaxInboundConnectionPercentagePerSource,
        ["MaxAcknowledgementDelay"] = binding => binding.MaxAcknowledgementDelay,
        ["TarpitInterval"] = binding => binding.TarpitInterval,
        ["AuthTarpitInterval"] = binding => binding.AuthTarpitInterval,
    };

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-01")]
    [Trait("Requirement", "OXSMTP-EV-02")]
    [Trait("Requirement", "OXSMTP-EV-03")]
    [Trait("Requirement", "OXSMTP-EV-05")]
    [Trait("Requirement", "OXSMTP-EV-06")]
    [Trait("Requirement", "OXSMTP-EV-07")]
    [Trait("Requirement", "OXSMTP-EV-08")]
    [Trait("Requirement", "OXSMTP-EV-09")]
    [Trait("Requirement", "OXSMTP-EV-10")]
    [Trait("Requirement", "OXSMTP-EV-11")]
    [Trait("Requirement", "OXSMTP-EV-15")]
    [Trait("Requirement", "OXSMTP-EV-16")]
    [Trait("Requirement", "OXSMTP-EV-18")]
    [Trait("Requirement", "OXSMTP-EV-19")]
    [InlineData("Gateway", "ConnectionTimeout", "00:05:00")]
    [InlineData("Relay", "ConnectionTimeout", "00:10:00")]
    [InlineData("Submission", "ConnectionTimeout", "00:10:00")]
    [InlineData("Gateway", "ConnectionInactivityTimeout", "00:05:00")]
    [InlineData("Gateway", "MaxHopCount", "30")]
    [InlineData("Gateway", "MaxLocalHopCount", "8")]
    [InlineData("Gateway", "MaxRecipientsPerMessage", "200")]
    [InlineData("Gateway", "MessageRateLimit", "600")]
    [InlineData("Relay", "MessageRateLimit", null)]
    [InlineData("Submission", "MessageRateLimit", "600")]
    [InlineData("Gateway", "MessageRateSource", "IPAddress")]
    [InlineData("Relay", "MessageRateSource", "None")]
    [InlineData("Submission", "MessageRateSource", "User")]
    [InlineData("Gateway", "MaxHeaderSize", "262144")]
    [InlineData("Gateway", "MaxMessageSize", "37748736")]
    [InlineData("Gateway", "MaxProtocolErrors", "5")]
    [InlineData("Gateway", "MaxLogonFailures", "3")]
    [InlineData("Gateway", "MaxInboundConnections", "5000")]
    [InlineData("Gateway", "MaxInboundConnectionPerSource", "20")]
    [InlineData("Gateway", "MaxAcknowledgementDelay", "00:00:30")]
    [InlineData("Gateway", "TarpitInterval", "00:00:05")]
    [InlineData("Gateway", "AuthTarpitInterval", "00:00:05")]
    public void A_setting_that_is_left_out_has_the_default_of_its_role(string role, string key, string? expected)
    {
        var value = Values[key](Load(("Role", role)));

        Assert.Equal(expected, value is null ? null : Convert.ToString(value, CultureInfo.InvariantCulture));
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-05")]
    [Trait("Requirement", "OXSMTP-EV-06")]
    [Trait("Requirement", "OXSMTP-EV-07")]
    [Trait("Requirement", "OXSMTP-EV-08")]
    [Trait("Requirement", "OXSMTP-EV-09")]
    [Trait("Requirement", "OXSMTP-EV-10")]
    [Trait("Requirement", "OXSMTP-EV-11")]
    [Trait("Requirement", "OXSMTP-EV-15")]
    [Trait("Requirement", "OXSMTP-EV-16")]
    [Trait("Requirement", "OXSMTP-EV-19")]
    [InlineData("MaxHopCount", 1, 500)]
    [InlineData("MaxLocalHopCount", 0, 50)]
    [InlineData("MaxRecipientsPerMessage", 1, 512_000)]
    [InlineData("MessageRateLimit", 1, int.MaxValue)]
    [InlineData("MaxHeaderSize", 1, int.MaxValue)]
    [InlineData("MaxMessageSize", 64 * 1024, int.MaxValue)]
    [InlineData("MaxProtocolErrors", 0, int.MaxValue)]
    [InlineData("MaxLogonFailures", 0, 10)]
    [InlineData("MaxInboundConnections", 1, int.MaxValue)]
    [InlineData("MaxInboundConnectionPerSource", 1, int.MaxValue)]
    [InlineData("MaxInboundConnectionPercentagePerSource", 1, 100)]
    public void A_number_is_accepted_to_the_ends_of_its_range_and_not_beyond(string key, long least, long most)
    {
        foreach (var inside in (long[])[least, most])
        {
            Assert.Equal(inside, Convert.ToInt64(Values[key](Load((key, Text(inside)))), CultureInfo.InvariantCulture));
        }

        foreach (var outside in (long[])[least - 1, most + 1])
        {
            var fault = Assert.Throws<ConfigurationFaultException>(() => Load((key, Text(outside))));
            Assert.Contains(fault.Faults, found => found.Key == "MailCluster:Smtp:Bindings:0:" + key);
        }
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-08")]
    [Trait("Requirement", "OXSMTP-EV-15")]
    [Trait("Requirement", "OXSMTP-EV-16")]
    [InlineData("MessageRateLimit")]
    [InlineData("MaxInboundConnections")]
    [InlineData("MaxInboundConnectionPerSource")]
    public void A_limit_may_be_none(string key) => Assert.Null(Values[key](Load((key, "unlimited"))));

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-18")]
    [Trait("Requirement", "OXSMTP-EV-19")]
    [InlineData("TarpitInterval", "00:00:00")]
    [InlineData("AuthTarpitInterval", "00:10:00")]
    [InlineData("MaxAcknowledgementDelay", "00:00:00")]
    public void A_duration_may_be_short_or_long(string key, string value) =>
        Assert.Equal(TimeSpan.Parse(value, CultureInfo.InvariantCulture), Values[key](Load((key, value))));

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static SmtpBindingOptions Load(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => new KeyValuePair<string, string?>(
                "MailCluster:Smtp:Bindings:0:" + setting.Key, setting.Value))).Build();
        return ConfigurationLoader.Load(configuration, null, "./data").Options.Smtp.Bindings[0];
    }
}
