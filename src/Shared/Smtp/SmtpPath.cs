namespace MailCluster.Shared.Smtp;

/// <summary>
/// A reverse-path or forward-path (RFC 5321 §4.1.2), its source route dropped, its local-part unquoted.
/// </summary>
/// <param name="LocalPart">Empty only in the null reverse-path.</param>
/// <param name="Domain">Null in the null reverse-path and in "RCPT TO:&lt;postmaster&gt;" (RFC 5321 §4.5.1).</param>
public sealed record SmtpPath(string LocalPart, string? Domain)
{
    /// <summary>MAIL FROM:&lt;&gt; (RFC 5321 §4.5.5).</summary>
    public static readonly SmtpPath Null = new(string.Empty, null);

    public bool IsNull => LocalPart.Length == 0;

    /// <summary>Only for a transaction with SMTPUTF8 (RFC 6531 §3.3).</summary>
    public bool NeedsUtf8 =>
        !System.Text.Ascii.IsValid(LocalPart) || (Domain is not null && !System.Text.Ascii.IsValid(Domain));
}
