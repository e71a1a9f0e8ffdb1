using System.Collections.Frozen;
using System.Collections.Immutable;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Smtp;

/// <summary>What a binding is for.</summary>
public enum SmtpRole
{
    /// <summary>Mail from anywhere for our own users (RFC 5321 §2.3.10).</summary>
    Gateway,

    /// <summary>As Gateway, for known hosts, with Exchange's longer timers.</summary>
    Relay,

    /// <summary>Mail of our own users: AUTH before MAIL (RFC 6409 §4.3).</summary>
    Submission,
}

/// <summary>
/// The rules of one binding, shared by all its sessions. Sizes are octets; the defaults are Exchange's.
/// </summary>
public sealed record SmtpSessionOptions
{
    /// <summary>The node's name in the greeting and in EHLO (RFC 5321 §4.2.4).</summary>
    public required string HostName { get; init; }

    public SmtpRole Role { get; init; } = SmtpRole.Gateway;

    /// <summary>What follows the host name in the greeting; null: "ESMTP MailCluster".</summary>
    public string? Banner { get; init; }

    /// <summary>STARTTLS is offered while TLS is not active (RFC 3207).</summary>
    public bool OffersStartTls { get; init; }

    /// <summary>
    /// In order of preference; a name for which <see cref="CreateSaslExchange"/> gives null must not be in it.
    /// </summary>
    public ImmutableArray<string> AuthMechanisms { get; init; } = [];

    /// <summary>
    /// A new exchange for a mechanism (upper case) on a connection with this channel binding, or null: 504 5.5.4. The
    /// shell's closure brings the nonce.
    /// </summary>
    public Func<string, ChannelBinding?, ISaslExchange?> CreateSaslExchange { get; init; } = static (_, _) => null;

    /// <summary>PLAIN and LOGIN are neither offered nor accepted without TLS: 538 5.7.11 (RFC 4954 §4, §6).</summary>
    public bool RequireTlsForPlaintextAuth { get; init; } = true;

    /// <summary>Mechanisms answered with "334 NTLM supported" (OXSMTP-SASL-01..03, 07).</summary>
    public ImmutableArray<string> SaslSupportedText { get; init; } = ["NTLM", "GSSAPI"];

    /// <summary>
    /// Also the form "AUTH=PLAIN" of before RFC 2554 in EHLO, for clients of that age (OXSMTP-GEN-02).
    /// </summary>
    public bool AnnouncesObsoleteAuth { get; init; }

    /// <summary>
    /// Addresses (lower case) that may use this binding; null: all. Others: 421 4.3.2 after AUTH (OXSMTP-EV-14).
    /// </summary>
    public FrozenSet<string>? AllowedUsers { get; init; }

    /// <summary>1..512000; one more: 452 4.5.3 (OXSMTP-EV-07).</summary>
    public int MaxRecipientsPerMessage { get; init; } = 200;

    /// <summary>Of the header section with its empty line: 552 5.3.4 (OXSMTP-EV-09).</summary>
    public long MaxHeaderSize { get; init; } = 262_144;

    /// <summary>SIZE of EHLO: 552 5.3.4 (OXSMTP-EV-10).</summary>
    public long MaxMessageSize { get; init; } = 37_748_736;

    /// <summary>Received: fields of a message: 554 5.4.6 (OXSMTP-EV-05).</summary>
    public int MaxHopCount { get; init; } = 30;

    /// <summary>Received: fields by our own nodes; 0 = not checked: 554 5.4.6 (OXSMTP-EV-06).</summary>
    public int MaxLocalHopCount { get; init; } = 8;

    /// <summary>The next error: 421 4.7.0 (OXSMTP-EV-11).</summary>
    public int MaxProtocolErrors { get; init; } = 5;

    /// <summary>The next failed login: 421 4.7.0; 0 = never (OXSMTP-EV-11).</summary>
    public int MaxLogonFailures { get; init; } = 3;

    /// <summary>MAIL asks whether the sender's rate allows one more (OXSMTP-EV-08).</summary>
    public bool CountsMessages { get; init; }

    /// <summary>
    /// How long an error waits for a client that has not authenticated; the standard says 5 s, zero is off
    /// (OXSMTP-EV-19).
    /// </summary>
    public TimeSpan TarpitInterval { get; init; }

    /// <summary>The same for a failed login.</summary>
    public TimeSpan AuthTarpitInterval { get; init; }

    /// <summary>
    /// Rendered at first use and kept for all sessions of the binding. Two sessions that render at once make equal
    /// values, and either may stay.
    /// </summary>
    internal SmtpAnnouncements Announcements => field ??= new(this);
}

/// <summary>What the session has to know of its connection.</summary>
/// <param name="RemoteAddress">
/// Text without brackets, such as "192.0.2.1" or "2001:db8::1"; from the PROXY header when there was one.
/// </param>
/// <param name="Tls">Null while the connection is in the clear.</param>
public sealed record SmtpConnection(string RemoteAddress, SmtpTls? Tls);

/// <summary>The channel of a connection, for Received: and for AUTH.</summary>
/// <param name="Protocol">Such as "TLSv1.3".</param>
/// <param name="CipherSuite">Such as "TLS_AES_256_GCM_SHA384".</param>
/// <param name="Binding">For the -PLUS mechanisms; null: they are not offered.</param>
public sealed record SmtpTls(string Protocol, string CipherSuite, ChannelBinding? Binding = null);

/// <summary>What the session can take next.</summary>
public enum SmtpExpects
{
    /// <summary>Line, LineFault, TimedOut or Drain.</summary>
    Line,

    /// <summary>The answer to the last effect, TimedOut or Drain.</summary>
    Answer,

    /// <summary>The session has ended.</summary>
    Nothing,
}

/// <summary>Why a client is turned away at the greeting (RFC 5321 §3.1).</summary>
public enum SmtpGreetingRefusal
{
    /// <summary>421 4.3.2 (OXSMTP-EV-15).</summary>
    TooManyConnections,

    /// <summary>421 4.3.2 (OXSMTP-EV-16).</summary>
    TooManyConnectionsFromSource,

    /// <summary>421 4.3.2: outside the binding's RemoteIPRanges (OXSMTP-EV-14).</summary>
    BindingNotConfigured,

    /// <summary>421 4.4.2: store or actors are out of reach (OXSMTP-EV-13).</summary>
    NotAvailable,

    /// <summary>421 4.3.2: the node drains.</summary>
    Draining,

    /// <summary>452 4.3.1; the session goes on and refuses MAIL with the same (OXSMTP-EV-12).</summary>
    OutOfResources,

    /// <summary>550 5.7.1; everything but QUIT is 503 (OXSMTP-EV-17, RFC 5321 §3.1).</summary>
    AddressNotAllowed,
}
