namespace MailCluster.Shared;

/// <summary>Why a connection ended: one name for the log field, the metric's tag and the test's assertion.</summary>
public enum ConnectionEndReason
{
    /// <summary>The client said QUIT.</summary>
    Quit,

    /// <summary>The client closed or reset without QUIT.</summary>
    ClientClosed,

    /// <summary>No input for the inactivity time-out (OXSMTP-EV-02, STANXPOP3-V0002).</summary>
    Inactivity,

    /// <summary>The connection's whole time was used up (OXSMTP-EV-01).</summary>
    ConnectionTimeout,

    /// <summary>The client did not read what it asked for.</summary>
    WriteTimeout,

    /// <summary>More protocol errors than MaxProtocolErrors (OXSMTP-EV-11).</summary>
    ProtocolErrors,

    /// <summary>More failed logins than MaxLogonFailures (OXSMTP-EV-11).</summary>
    LogonFailures,

    /// <summary>The TLS handshake failed.</summary>
    TlsFailed,

    /// <summary>The PROXY header was missing, malformed or late.</summary>
    ProxyHeader,

    /// <summary>A connection or rate limit refused it (OXSMTP-EV-08, EV-15, EV-16).</summary>
    LimitExceeded,

    /// <summary>The binding does not accept this address or user (OXSMTP-EV-14, EV-17).</summary>
    NotAllowed,

    /// <summary>The node drains.</summary>
    Draining,

    /// <summary>A fault of ours; the log has it.</summary>
    ServerFault,
}
