using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;

namespace MailCluster.Frontend.Edge;

/// <summary>Why a connection is not served. Replies share codes; log and metric tell the reasons apart.</summary>
internal enum ConnectionRefusal
{
    /// <summary>The node drains (OXSMTP-EV-13).</summary>
    Draining,

    /// <summary>In BlockedIPRanges of a gateway (OXSMTP-EV-17).</summary>
    Blocked,

    /// <summary>Outside of RemoteIPRanges (OXSMTP-EV-14).</summary>
    NotAccepted,

    /// <summary>Short of disk or memory (OXSMTP-EV-12).</summary>
    OutOfResources,

    /// <summary>MaxInboundConnections (OXSMTP-EV-15), MaxConnections.</summary>
    BindingFull,

    /// <summary>MaxInboundConnectionPerSource (OXSMTP-EV-16), MaxConnectionFromSingleIP.</summary>
    SourceFull,

    /// <summary>The home of the source's count does not answer (OXSMTP-EV-13).</summary>
    LimitUnknown,
}

/// <summary>What each protocol says, and the name of the reason in metrics.</summary>
internal static class ConnectionRefusals
{
    /// <summary>TLSPlaintext: an alert of two octets: fatal, internal_error.</summary>
    private static readonly byte[] FatalAlert = [21, 3, 3, 0, 2, 2, 80];

    public static SmtpGreetingRefusal ForSmtp(ConnectionRefusal why) => why switch
    {
        ConnectionRefusal.Draining or ConnectionRefusal.LimitUnknown => SmtpGreetingRefusal.NotAvailable,
        ConnectionRefusal.Blocked => SmtpGreetingRefusal.AddressNotAllowed,
        ConnectionRefusal.NotAccepted => SmtpGreetingRefusal.BindingNotConfigured,
        ConnectionRefusal.OutOfResources => SmtpGreetingRefusal.OutOfResources,
        ConnectionRefusal.BindingFull => SmtpGreetingRefusal.TooManyConnections,
        ConnectionRefusal.SourceFull => SmtpGreetingRefusal.TooManyConnectionsFromSource,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    public static Pop3Reply ForPop3(ConnectionRefusal why) => why switch
    {
        ConnectionRefusal.Draining => Pop3Replies.Draining,
        ConnectionRefusal.LimitUnknown => Pop3Replies.NotAvailable,
        _ => Pop3Replies.TooManyConnections,
    };

    /// <summary>
    /// What a connection is sent that is turned away unseen (OXSMTP-EV-15, RFC 3206 §3). Where TLS comes first that is
    /// the alert internal_error (RFC 8446 §6.2): saying more would cost the handshake that is to be spared.
    /// </summary>
    public static ReadOnlyMemory<byte> OnTheWire(BindingEdge binding) => binding switch
    {
        { Tls: Options.BindingTls.Implicit } => FatalAlert,
        { Protocol: "smtp" } => SmtpSession.Refusal(SmtpGreetingRefusal.TooManyConnections).Wire,
        _ => Pop3Replies.TooManyConnections.Wire,
    };

    public static string NameOf(ConnectionRefusal why) => why switch
    {
        ConnectionRefusal.Draining => "draining",
        ConnectionRefusal.Blocked => "blocked",
        ConnectionRefusal.NotAccepted => "not_accepted",
        ConnectionRefusal.OutOfResources => "out_of_resources",
        ConnectionRefusal.BindingFull => "binding_full",
        ConnectionRefusal.SourceFull => "source_full",
        ConnectionRefusal.LimitUnknown => "limit_unknown",
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
