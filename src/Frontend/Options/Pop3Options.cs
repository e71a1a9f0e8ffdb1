using System.Collections.Immutable;
using System.Net;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Options;

/// <summary>One POP3 or IMAP listener; what is not about the socket is set for all of them.</summary>
public sealed record AccessBindingOptions(
    string Name, ImmutableArray<IPEndPoint> Endpoints, BindingTls Tls, ImmutableArray<IPNetwork> ProxyProtocolFrom)
{
    internal static AccessBindingOptions Demo(string name, BindingTls tls, int port) =>
        new(name, [new(IPAddress.Loopback, port), new(IPAddress.IPv6Loopback, port)], tls, []);

    internal static AccessBindingOptions Read(OptionReader reader, string name, int port) => new(
        reader.Text("Name", name, "Names the listener in logs, metrics and the ready file; unique."),
        reader.Endpoints("Endpoint", $"127.0.0.1:{port},[::1]:{port}",
            "Where to listen. Port 0: the system chooses, the ready file says which."),
        reader.Choice("Tls", BindingTls.StartTls, "StartTls offers the upgrade, Implicit begins with TLS."),
        reader.Networks("ProxyProtocolFrom", [],
            "Peers whose connections begin with a PROXY v1/v2 header; nobody may by default, since the header names the client."));
}

/// <summary>POP3 (MS-STANXPOP3); one set of limits for all bindings, as Exchange has it.</summary>
public sealed record Pop3Options
{
    public ImmutableArray<AccessBindingOptions> Bindings { get; init; } =
        [AccessBindingOptions.Demo("pop3", BindingTls.StartTls, 2110),
            AccessBindingOptions.Demo("pop3s", BindingTls.Implicit, 2995)];

    public ImmutableArray<string> AuthMechanisms { get; init; } = SmtpBindingOptions.PresetMechanisms;

    public LoginType LoginType { get; init; } = LoginType.SecureLogin;

    public TimeSpan PreAuthenticatedConnectionTimeout { get; init; } = TimeSpan.FromMinutes(1);

    public TimeSpan AuthenticatedConnectionTimeout { get; init; } = TimeSpan.FromMinutes(30);

    public int MaxCommandSize { get; init; } = 512;

    /// <summary>0: never.</summary>
    public int MaxLogonFailures { get; init; } = 3;

    /// <summary>Null: no limit. On one node.</summary>
    public int? MaxConnections { get; init; } = int.MaxValue;

    public int? MaxConnectionFromSingleIP { get; init; } = int.MaxValue;

    public int? MaxConnectionsPerUser { get; init; } = 16;

    public bool EnableExactRFC822Size { get; init; }

    public bool RequireUtf8Mode { get; init; } = true;

    internal static Pop3Options Read(OptionReader reader)
    {
        var preset = new Pop3Options();
        var day = TimeSpan.FromDays(1);
        var options = new Pop3Options
        {
            Bindings = reader.Sections("Bindings", "pop3 and pop3s on loopback, as ./run.sh has them",
                "The POP3 listeners. Without a file: pop3 2110 and pop3s 2995 (implicit TLS) on 127.0.0.1 and [::1].",
                preset.Bindings, item => AccessBindingOptions.Read(item, "pop3", 2110)),
            AuthMechanisms = reader.Words("AuthMechanisms", preset.AuthMechanisms, SaslMechanisms.Names,
                "Offered in CAPA in this order, as far as they can be had (STANXPOP3-E0002); as for SMTP. USER and PASS are beside it."),
            LoginType = reader.Choice("LoginType", LoginType.SecureLogin,
                "SecureLogin: no login without TLS; PlainTextAuthentication: without TLS only mechanisms that show no password; "
                    + "PlainTextLogin: anything. Passwords in the clear are nobody's wish, hence the default (and Exchange's)."),
            PreAuthenticatedConnectionTimeout = reader.Duration("PreAuthenticatedConnectionTimeout",
                preset.PreAuthenticatedConnectionTimeout, TimeSpan.FromSeconds(1), day,
                "Without a command before login (STANXPOP3-V0002: 60 s)."),
            AuthenticatedConnectionTimeout = reader.Duration("AuthenticatedConnectionTimeout",
                preset.AuthenticatedConnectionTimeout, TimeSpan.FromSeconds(1), day,
                "Without a command after login (STANXPOP3-V0002: 1800 s)."),
            MaxCommandSize = reader.Number("MaxCommandSize", 512, 40, 1024,
                "Octets of a command with CRLF (STANXPOP3-E0006). Below 255 CAPA is not offered (RFC 2449 §4)."),
            MaxLogonFailures =
                reader.Number("MaxLogonFailures", 3, 0, 10, "Failed logins before the connection ends, 0: never."),
            MaxConnections =
                reader.Limit("MaxConnections", int.MaxValue, 1, int.MaxValue,
                "At once on this node, all bindings; Exchange's default."),
            MaxConnectionFromSingleIP = reader.Limit("MaxConnectionFromSingleIP", int.MaxValue, 1, int.MaxValue,
                "At once from one address, all bindings and nodes; Exchange's default."),
            MaxConnectionsPerUser =
                reader.Limit("MaxConnectionsPerUser", 16, 1, int.MaxValue,
                "Logged in at once of one user, all bindings and nodes; -ERR [IN-USE] beyond. Exchange's default."),
            EnableExactRFC822Size = reader.Flag("EnableExactRFC822Size", false,
                "STAT and LIST give what RETR sends instead of what is stored (STANXPOP3-NV-2.1.4, 2.1.5: off)."),
            RequireUtf8Mode = reader.Flag("RequireUtf8Mode", true,
                "A message with UTF-8 in its header (SMTPUTF8) is refused with [UTF8] to a client that did not say UTF8 (RFC 6856 §2.1); "
                    + "false: it is sent all the same, for clients that stop at the first message they cannot have."),
        };
        Advise(reader, options);
        return options;
    }

    private static void Advise(OptionReader reader, Pop3Options options)
    {
        if (options.MaxCommandSize < 255)
        {
            reader.Advise("MaxCommandSize", "below 255 CAPA is not offered (RFC 2449 §4, STANXPOP3-E0007)");
        }

        if (options.AuthenticatedConnectionTimeout < TimeSpan.FromMinutes(10))
        {
            reader.Advise("AuthenticatedConnectionTimeout", "RFC 1939 §3 asks at least 10 minutes");
        }
    }
}
