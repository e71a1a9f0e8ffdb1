namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// What has to be known of a message to send it as it is. Stored as a number: values are never given another meaning.
/// </summary>
[Flags]
public enum MessageTraits
{
    None = 0,

    /// <summary>Came as BODY=BINARYMIME (RFC 3030 §3): its octets are sent as they are, a lone LF included.</summary>
    Binary = 1,

    /// <summary>Came with SMTPUTF8 and has UTF-8 in its header (RFC 6532), our trace fields included.</summary>
    Utf8Header = 2,
}

/// <summary>One message as a maildrop lists it: 32 octets, so that 100,000 of them stay small.</summary>
/// <param name="Number">The unique-id, unless it came with another (<see cref="ForeignUniqueIds"/>).</param>
/// <param name="Body">Where its octets are.</param>
/// <param name="Octets">
/// As stored. STAT and LIST show it while EnableExactRFC822Size is off (STANXPOP3-NV-2.1.4).
/// </param>
/// <param name="WireOctets">What RETR sends before dot-stuffing: every line ended by CRLF.</param>
public readonly record struct MessageEntry(
    MessageNumber Number, BodyId Body, uint Octets, uint WireOctets, MessageTraits Traits = MessageTraits.None)
{
    /// <summary>A line that ends in a bare LF leaves as CRLF (STANXPOP3-C0011).</summary>
    public bool EndsLinesInCrLf => (Traits & MessageTraits.Binary) == 0;

    /// <summary>Not for a POP3 client that does not speak UTF8 (RFC 6856 §2.1).</summary>
    public bool HasUtf8Header => (Traits & MessageTraits.Utf8Header) != 0;
}
