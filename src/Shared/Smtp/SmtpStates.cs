namespace MailCluster.Shared.Smtp;

/// <summary>
/// Where a session stands between two commands (RFC 5321 §4.1.4); a set of them in the rows of the command table.
/// </summary>
[Flags]
public enum SmtpStates
{
    None = 0,

    /// <summary>Before EHLO or HELO, and again after STARTTLS.</summary>
    Start = 1,

    /// <summary>No transaction.</summary>
    Greeted = 2,

    /// <summary>MAIL accepted, no recipient yet.</summary>
    Mail = 4,

    /// <summary>At least one recipient accepted.</summary>
    Recipients = 8,

    /// <summary>At least one BDAT chunk accepted (RFC 3030 §2).</summary>
    Chunks = 16,

    /// <summary>A SASL response is awaited (RFC 4954 §4).</summary>
    Sasl = 32,

    /// <summary>The greeting was 550: only QUIT (RFC 5321 §3.1).</summary>
    Refused = 64,

    Closed = 128,

    Transaction = Mail | Recipients | Chunks,

    Any = Start | Greeted | Transaction,
}
