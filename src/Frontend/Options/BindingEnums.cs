namespace MailCluster.Frontend.Options;

/// <summary>
/// What a listener is for (OXSMTP-EV-03): it decides the time-outs' defaults and whether AUTH is required.
/// </summary>
public enum SmtpRole
{
    /// <summary>Takes mail from anybody for our own domains.</summary>
    Gateway,

    /// <summary>Takes mail from hosts of our own.</summary>
    Relay,

    /// <summary>Takes mail from users who authenticate (RFC 6409).</summary>
    Submission,
}

public enum BindingTls
{
    None,

    /// <summary>Plain until STARTTLS or STLS (RFC 3207, RFC 2595).</summary>
    StartTls,

    /// <summary>TLS from the first octet (RFC 8314 §3).</summary>
    Implicit,
}

/// <summary>Whose messages are counted together for MessageRateLimit (OXSMTP-EV-08).</summary>
public enum MessageRateSource
{
    None,
    IPAddress,
    User,
    All,
}

/// <summary>What a connection is when the home of its source's limit does not answer.</summary>
public enum LimitFallback
{
    Refuse,
    Admit,
}

/// <summary>Exchange's word for how a POP3 or IMAP user may show a password.</summary>
public enum LoginType
{
    /// <summary>USER/PASS and AUTH PLAIN also without TLS.</summary>
    PlainTextLogin,

    /// <summary>Without TLS only mechanisms that show no password.</summary>
    PlainTextAuthentication,

    /// <summary>No login at all without TLS.</summary>
    SecureLogin,
}

public enum StoreKind
{
    Sqlite,
    PostgreSql,
}

public enum LogFormat
{
    /// <summary>Text on a terminal, Json when standard output goes elsewhere.</summary>
    Auto,

    /// <summary>One line: time, level, area, event, text, fields.</summary>
    Text,

    /// <summary>One JSON object per line.</summary>
    Json,
}
