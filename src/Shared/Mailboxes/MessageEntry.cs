namespace MailCluster.Shared.Mailboxes;

/// <summary>One message as a maildrop lists it: 24 octets, so that 100,000 of them stay small.</summary>
/// <param name="Number">The unique-id.</param>
/// <param name="Body">Where its octets are.</param>
/// <param name="Octets">As stored. STAT and LIST show it while EnableExactRFC822Size is off
/// (STANXPOP3-NV-2.1.4).</param>
/// <param name="WireOctets">What RETR sends before dot-stuffing: every line ended by CRLF.</param>
public readonly record struct MessageEntry(MessageNumber Number, BodyId Body, uint Octets, uint WireOctets);
