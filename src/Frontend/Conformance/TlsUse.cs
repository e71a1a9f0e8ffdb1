namespace MailCluster.Frontend.Conformance;

/// <summary>How what is secret is sent.</summary>
internal enum TlsUse
{
    /// <summary>After STARTTLS or STLS; everything else in the clear.</summary>
    StartTls,

    /// <summary>From the first octet of every connection (RFC 8314).</summary>
    Implicit,

    /// <summary>Passwords too are sent in the clear.</summary>
    None,
}
