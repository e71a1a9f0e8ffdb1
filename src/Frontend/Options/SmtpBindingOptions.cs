using System.Collections.Immutable;
using System.Net;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Options;

/// <summary>One SMTP listener: an Exchange receive connector.</summary>
public sealed record SmtpBindingOptions
{
    /// <summary>What a list of mechanisms is when nobody gives one, for SMTP and POP3.</summary>
    public static readonly ImmutableArray<string> PresetMechanisms =
        [SaslMechanisms.Ntlm, SaslMechanisms.Gssapi, .. SaslMechanisms.OfOurOwn];

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FiveMinutes = TimeSpan.FromMinutes(5);

    public required string Name { get; init; }

    public required SmtpRole Role { get; init; }

    /// <summary>Limits count over all of them.</summary>
    public required ImmutableArray<IPEndPoint> Endpoints { get; init; }

    public required BindingTls Tls { get; init; }

    /// <summary>Connections from here must begin with a PROXY header; from elsewhere none is looked for.</summary>
    public ImmutableArray<IPNetwork> ProxyProtocolFrom { get; init; } = [];

    /// <summary>Null: the node's name and "ESMTP".</summary>
    public string? Banner { get; init; }

    public ImmutableArray<IPNetwork> RemoteIPRanges { get; init; } = [];

    public ImmutableArray<IPNetwork> BlockedIPRanges { get; init; } = [];

    public ImmutableArray<string> AuthMechanisms { get; init; } = PresetMechanisms;

    public bool AnnouncesObsoleteAuth { get; init; }

    public bool RequireTlsForPlaintextAuth { get; init; } = true;

    /// <summary>OXSMTP-EV-01.</summary>
    public required TimeSpan ConnectionTimeout { get; init; }

    /// <summary>OXSMTP-EV-02.</summary>
    public TimeSpan ConnectionInactivityTimeout { get; init; } = FiveMinutes;

    public int? MaxInboundConnections { get; init; } = 5000;

    public int? MaxInboundConnectionPerSource { get; init; } = 20;

    public int MaxInboundConnectionPercentagePerSource { get; init; } = 100;

    public int? MessageRateLimit { get; init; }

    public MessageRateSource MessageRateSource { get; init; }

    public int MaxHopCount { get; init; } = 30;

    /// <summary>0: not looked at.</summary>
    public int MaxLocalHopCount { get; init; } = 8;

    public int MaxRecipientsPerMessage { get; init; } = 200;

    public int MaxHeaderSize { get; init; } = 256 * 1024;

    public long MaxMessageSize { get; init; } = 36 * 1024 * 1024;

    /// <summary>0 and null: never.</summary>
    public int? MaxProtocolErrors { get; init; } = 5;

    /// <summary>0: never.</summary>
    public int MaxLogonFailures { get; init; } = 3;

    public TimeSpan TarpitInterval { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan AuthTarpitInterval { get; init; } = TimeSpan.FromSeconds(5);

    public ImmutableArray<string> SaslSupportedText { get; init; } = ["NTLM", "GSSAPI"];

    /// <summary>Null: every user.</summary>
    public ImmutableArray<string>? AllowedUsers { get; init; }

    public LimitFallback WhenLimitHomeUnreachable { get; init; }

    public TimeSpan MaxAcknowledgementDelay { get; init; } = TimeSpan.FromSeconds(30);

    internal static SmtpBindingOptions Demo(string name, SmtpRole role, BindingTls tls, int port) => new()
    {
        Name = name,
        Role = role,
        Endpoints = [new(IPAddress.Loopback, port), new(IPAddress.IPv6Loopback, port)],
        Tls = tls,
        RemoteIPRanges = [IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("::/0")],
        ConnectionTimeout = ConnectionTimeoutOf(role),
        MessageRateLimit = role == SmtpRole.Relay ? null : 600,
        MessageRateSource = RateSourceOf(role),
    };

    internal static SmtpBindingOptions Read(OptionReader reader)
    {
        var name = reader.Text("Name", "smtp", "Names the listener in logs, metrics and the ready file; unique.");
        var role = reader.Choice("Role", SmtpRole.Gateway,
            "Gateway takes mail for our domains from anybody, Relay from hosts of our own, Submission from users who log in.");
        var preset = Demo(name, role, BindingTls.StartTls, 2525);
        var binding = preset with
        {
            Endpoints = reader.Endpoints("Endpoint", "127.0.0.1:2525,[::1]:2525",
                "Where to listen; limits count over all addresses. Port 0: the system chooses, the ready file says which."),
            Tls = reader.Choice(
                "Tls", BindingTls.StartTls, "StartTls offers STARTTLS, Implicit begins with TLS (port 465)."),
            ProxyProtocolFrom = reader.Networks("ProxyProtocolFrom", [],
                "Peers whose connections begin with a PROXY v1/v2 header; nobody may by default, since the header names the client."),
            Banner = reader.OptionalText(
                "Banner", "The greeting's text after the host name; null: \"ESMTP MailCluster\"."),
        };
        return Checked(reader, ReadLimits(reader, ReadAccess(reader, binding)));
    }

    private static SmtpBindingOptions ReadAccess(OptionReader reader, SmtpBindingOptions preset) => preset with
    {
        RemoteIPRanges = reader.Networks("RemoteIPRanges", preset.RemoteIPRanges,
            "Who may connect; anybody else gets 421 4.3.2 (OXSMTP-EV-14). Everybody by default: a gateway is public."),
        BlockedIPRanges = reader.Networks("BlockedIPRanges", [], "Who gets 550 5.7.1 on a gateway (OXSMTP-EV-17)."),
        AuthMechanisms = reader.Words("AuthMechanisms", PresetMechanisms, SaslMechanisms.Names,
            "Offered in EHLO in this order, as far as they can be had: NTLM and GSSAPI need what Accounts names, the log says at start "
                + "what is missing. SCRAM-SHA-256-PLUS is by choice: it binds to the certificate (tls-server-end-point), and clients "
                + "that know tls-exporter only would pick it and fail."),
        AnnouncesObsoleteAuth = reader.Flag("AnnouncesObsoleteAuth", false,
            "\"AUTH=\" in EHLO too, for clients from before RFC 2554 (OXSMTP-GEN-02); nobody else needs it."),
        RequireTlsForPlaintextAuth = reader.Flag("RequireTlsForPlaintextAuth", true,
            "PLAIN and LOGIN only under TLS (RFC 4954 §4: a server must not advertise them otherwise)."),
        SaslSupportedText = reader.Words("SaslSupportedText", preset.SaslSupportedText, SaslMechanisms.Names,
            "Mechanisms answered with \"334 <mechanism> supported\" (OXSMTP-SASL-03, 07): those whose Microsoft clients want it."),
        AllowedUsers = reader.OptionalTexts("AllowedUsers",
            "When set, another user gets 421 4.3.2 after AUTH (OXSMTP-EV-14); null: every user of every tenant."),
    };

    private static SmtpBindingOptions ReadLimits(OptionReader reader, SmtpBindingOptions preset) => preset with
    {
        ConnectionTimeout = reader.Duration("ConnectionTimeout", preset.ConnectionTimeout, Second, Day,
            "The whole life of a connection, data or not (OXSMTP-EV-01, 03); the standard fixes the defaults.",
            "\"00:05:00\" Gateway, \"00:10:00\" Relay and Submission"),
        ConnectionInactivityTimeout =
            reader.Duration("ConnectionInactivityTimeout", preset.ConnectionInactivityTimeout, Second, Day,
            "Without input (OXSMTP-EV-02); RFC 5321 §4.5.3.2.7 asks at least 5 minutes. At most ConnectionTimeout.",
            "\"00:05:00\", or ConnectionTimeout when that is shorter"),
        MaxInboundConnections = reader.Limit("MaxInboundConnections", 5000, 1, int.MaxValue,
            "At once on this binding of this node (OXSMTP-EV-15); Exchange's default."),
        MaxInboundConnectionPerSource = reader.Limit("MaxInboundConnectionPerSource", 20, 1, int.MaxValue,
            "At once from one address over the whole cluster (OXSMTP-EV-16); Exchange's default (it stops at 10,000; "
                + "a load driver is one source, so this does not)."),
        MaxInboundConnectionPercentagePerSource = reader.Number("MaxInboundConnectionPercentagePerSource", 100, 1, 100,
            "Share of the remaining slots that one address may take (OXSMTP-EV-16). Exchange: 2; 100 leaves the absolute limit to rule."),
        MessageRateLimit = reader.Limit("MessageRateLimit", preset.MessageRateLimit, 1, int.MaxValue,
            "Messages a minute per MessageRateSource (OXSMTP-EV-08).", "600; null for Relay"),
        MessageRateSource = reader.Choice("MessageRateSource", preset.MessageRateSource,
            "Whose messages count together. IPAddress for Gateway, User for Submission, None for Relay when it is left out."),
        MaxHopCount = reader.Number(
            "MaxHopCount", 30, 1, 500, "Received: fields before 554 5.4.6 (OXSMTP-EV-05); Exchange's default."),
        MaxLocalHopCount = reader.Number("MaxLocalHopCount", 8, 0, 50,
            "Received: fields of our own nodes (OXSMTP-EV-06), 0: not looked at; Exchange's default."),
        MaxRecipientsPerMessage = reader.Number("MaxRecipientsPerMessage", 200, 1, 512_000,
            "Then 452 4.5.3 (OXSMTP-EV-07); Exchange's default, twice the minimum of RFC 5321 §4.5.3.1.8."),
        MaxHeaderSize = reader.Number(
            "MaxHeaderSize", 256 * 1024, 1, int.MaxValue, "Then 552 5.3.4 (OXSMTP-EV-09); Exchange's default."),
        MaxMessageSize = reader.Size("MaxMessageSize", 36 * 1024 * 1024, 64 * 1024, int.MaxValue,
            "Announced by SIZE (RFC 1870), then 552 5.3.4 (OXSMTP-EV-10); Exchange's default."),
        MaxProtocolErrors = reader.Limit("MaxProtocolErrors", 5, 0, int.MaxValue,
            "Errors before 421 4.7.0 and the end (OXSMTP-EV-11), 0: never; Exchange's default."),
        MaxLogonFailures = reader.Number("MaxLogonFailures", 3, 0, 10,
            "Failed logins before 421 4.7.0 and the end (OXSMTP-EV-11), 0: never; Exchange's default."),
        TarpitInterval =
            reader.Duration("TarpitInterval", preset.TarpitInterval, TimeSpan.Zero, TimeSpan.FromMinutes(10),
            "How long an error waits for a client that has not logged in (OXSMTP-EV-19: 5 s), 0: off."),
        AuthTarpitInterval =
            reader.Duration("AuthTarpitInterval", preset.AuthTarpitInterval, TimeSpan.Zero, TimeSpan.FromMinutes(10),
            "The same for a failed AUTH (OXSMTP-EV-19: 5 s), 0: off."),
        WhenLimitHomeUnreachable = reader.Choice("WhenLimitHomeUnreachable", LimitFallback.Refuse,
            "What a new connection gets while the home of its source's count does not answer: 421 (a limit holds) or admission."),
        MaxAcknowledgementDelay =
            reader.Duration("MaxAcknowledgementDelay", preset.MaxAcknowledgementDelay, TimeSpan.Zero, Day,
            "How long the 250 of a durable message waits for its delivery (OXSMTP-EV-18); Exchange's default."),
    };

    private static SmtpBindingOptions Checked(OptionReader reader, SmtpBindingOptions binding)
    {
        if (binding.ConnectionInactivityTimeout > binding.ConnectionTimeout)
        {
            if (reader.IsSet("ConnectionInactivityTimeout"))
            {
                reader.Fault("ConnectionInactivityTimeout",
                    $"at most ConnectionTimeout, which is {OptionText.Write(binding.ConnectionTimeout)} (OXSMTP-EV-02)");
            }

            binding = binding with { ConnectionInactivityTimeout = binding.ConnectionTimeout };
        }

        if (binding.ConnectionTimeout != ConnectionTimeoutOf(binding.Role))
        {
            reader.Advise("ConnectionTimeout", $"non-conformant: OXSMTP-EV-03 fixes {binding.Role} at "
                + OptionText.Write(ConnectionTimeoutOf(binding.Role)));
        }

        if (binding.ConnectionInactivityTimeout < TimeSpan.FromMinutes(1))
        {
            reader.Advise("ConnectionInactivityTimeout",
                "RFC 5321 §4.5.3.2.7 asks at least 5 minutes, Exchange uses no less than 1");
        }

        if (binding.MaxRecipientsPerMessage < 100)
        {
            reader.Advise("MaxRecipientsPerMessage", "RFC 5321 §4.5.3.1.8 asks at least 100");
        }

        return binding;
    }

    private static TimeSpan ConnectionTimeoutOf(SmtpRole role) =>
        role == SmtpRole.Gateway ? FiveMinutes : TimeSpan.FromMinutes(10);

    private static MessageRateSource RateSourceOf(SmtpRole role) => role switch
    {
        SmtpRole.Gateway => MessageRateSource.IPAddress,
        SmtpRole.Submission => MessageRateSource.User,
        _ => MessageRateSource.None,
    };
}
