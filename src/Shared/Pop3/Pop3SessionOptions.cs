using System.Collections.Immutable;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3;

/// <summary>What a client may log in with (Exchange's LoginType).</summary>
public enum Pop3LoginType
{
    /// <summary>Everything, with or without TLS.</summary>
    PlainTextLogin,

    /// <summary>
    /// Without TLS only mechanisms that do not send the password; USER, PASS, AUTH PLAIN and AUTH LOGIN need TLS.
    /// </summary>
    PlainTextAuthentication,

    /// <summary>No login at all without TLS.</summary>
    SecureLogin,
}

/// <summary>The rules of one binding, shared by all its sessions. Sizes are octets.</summary>
public sealed class Pop3SessionOptions
{
    public const int MaxCommandSizeLeast = 40;
    public const int MaxCommandSizeMost = 1024;

    /// <summary>Servers that answer CAPA take commands of 255 octets (RFC 2449 §4).</summary>
    public const int MaxCommandSizeForCapa = 255;

    public Pop3LoginType LoginType { get; init; } = Pop3LoginType.SecureLogin;

    /// <summary>STLS while TLS is not active (RFC 2595 §4).</summary>
    public bool OffersStls { get; init; }

    /// <summary>
    /// In the order of CAPA; a name for which <see cref="CreateSaslExchange"/> gives null must not be in it.
    /// </summary>
    public ImmutableArray<string> Mechanisms { get; init; } = SaslMechanisms.OfOurOwn;

    /// <summary>
    /// A new exchange for a mechanism (upper case) on a connection with this channel binding, or null. The shell's
    /// closure brings the nonce.
    /// </summary>
    public Func<string, ChannelBinding?, ISaslExchange?> CreateSaslExchange { get; init; } = static (_, _) => null;

    /// <summary>
    /// Of a command line with its CRLF: 40..1024 (STANXPOP3-NV-2.1.2, E0006). Below 255 there is no CAPA (E0007).
    /// </summary>
    public int MaxCommandSize { get; init; } = 512;

    /// <summary>The next failed login ends the session; 0 = never (STANXPOP3-C0005).</summary>
    public int MaxLogonFailures { get; init; } = 3;

    /// <summary>
    /// The next protocol error in a row ends the session. Neither Exchange nor an RFC has this limit for POP3, so it is
    /// far above what any client does and a good command starts the count anew; it only ends what is no POP3 client.
    /// </summary>
    public int MaxProtocolErrors { get; init; } = 50;

    /// <summary>
    /// On: sizes are the octets that RETR sends before dot-stuffing. Off: the stored octets (STANXPOP3-NV-2.1.4,
    /// NV-2.1.5).
    /// </summary>
    public bool EnableExactRFC822Size { get; init; }

    /// <summary>
    /// On: RETR and TOP of a message with UTF-8 in its header are -ERR [UTF8] before UTF8 was said (RFC 6856 §2.1).
    /// Off: it is sent all the same, for the sake of clients that stop at a message they cannot have.
    /// </summary>
    public bool RequireUtf8Mode { get; init; } = true;

    /// <summary>
    /// Text of the greeting. '&lt;' and '&gt;' become '(' and ')': what looks like a timestamp would invite to APOP
    /// (V0012).
    /// </summary>
    public string Banner { get; init; } = "MailCluster POP3 ready";

    /// <summary>The IMPLEMENTATION of CAPA, told after login only (RFC 2449 §6.9); null: not told.</summary>
    public string? Implementation { get; init; } = "MailCluster";

    /// <summary>
    /// Rendered at first use and kept for all sessions of the binding. Two sessions that render at once make equal
    /// values, and either may stay.
    /// </summary>
    internal Pop3Announcements Announcements => field ??= new(this);

    /// <summary>USER, PASS and the mechanisms that send the password.</summary>
    public bool AllowsPassword(bool isTlsActive) => isTlsActive || LoginType == Pop3LoginType.PlainTextLogin;

    public bool AllowsMechanism(string name, SaslChannel channel) =>
        (channel != SaslChannel.Clear || LoginType != Pop3LoginType.SecureLogin)
        && SaslMechanisms.Fits(name, channel, LoginType != Pop3LoginType.PlainTextLogin);
}
