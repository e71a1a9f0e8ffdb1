namespace MailCluster.Frontend.Conformance;

/// <summary>
/// The server, and the limits that it is said to have. A limit's default is the reference default of its row; a server
/// that was given other limits is judged by those.
/// </summary>
internal sealed record Target
{
    public required Place Smtp { get; init; }

    public Place? Submission { get; init; }

    public Place? Pop3 { get; init; }

    public TlsUse Tls { get; init; }

    public TlsUse Pop3Tls { get; init; }

    /// <summary>A mailbox that the server takes mail for; for the POP3 rows, the mailbox of the user.</summary>
    public string? Recipient { get; init; }

    /// <summary>Empty: the null reverse-path, which every server must take (RFC 5321 §4.5.5).</summary>
    public string Sender { get; init; } = "";

    public string? User { get; init; }

    public string? Password { get; init; }

    public int MaxRecipients { get; init; } = 200;

    public int MaxHops { get; init; } = 30;

    public int MaxLocalHops { get; init; } = 8;

    /// <summary>Octets.</summary>
    public int MaxHeaderSize { get; init; } = 262_144;

    /// <summary>Octets; null: what SIZE announces.</summary>
    public long? MaxMessageSize { get; init; }

    /// <summary>Messages per minute.</summary>
    public int RateLimit { get; init; } = 600;

    public int Connections { get; init; } = 5000;

    public int ConnectionsPerSource { get; init; } = 20;

    public int ProtocolErrors { get; init; } = 5;

    public int LogonFailures { get; init; } = 3;

    public TimeSpan ConnectionTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Null: any that is not above <see cref="ConnectionTime"/> is right.</summary>
    public TimeSpan? Idle { get; init; }

    public TimeSpan Tarpit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Octets of a POP3 command with its CRLF.</summary>
    public int Pop3CommandSize { get; init; } = 512;

    /// <summary>POP3, before the login.</summary>
    public TimeSpan Pop3Idle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>POP3, after the login.</summary>
    public TimeSpan Pop3IdleLoggedOn { get; init; } = TimeSpan.FromSeconds(1800);

    /// <summary>Also what takes minutes.</summary>
    public bool Slow { get; init; }

    /// <summary>Also what takes hundreds of connections or messages.</summary>
    public bool Flood { get; init; }

    /// <summary>The longest wait for a reply.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);
}
