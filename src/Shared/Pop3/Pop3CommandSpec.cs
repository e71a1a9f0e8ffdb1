using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3;

/// <summary>The states of RFC 1939 §3, and the two moments between them.</summary>
[Flags]
public enum Pop3States
{
    None = 0,
    Authorization = 1,

    /// <summary>Between AUTH and its outcome: a line is a SASL response (RFC 5034 §4).</summary>
    Sasl = 2,
    Transaction = 4,

    /// <summary>QUIT was said and the marked messages are being removed.</summary>
    Update = 8,
    Closed = 16,
}

/// <summary>Rules of a command that are not states.</summary>
[Flags]
internal enum Pop3CommandTraits
{
    None = 0,

    /// <summary>-ERR when anything but white space follows the keyword.</summary>
    NoArguments = 1,

    /// <summary>
    /// -ERR where the password may not cross the connection (STANXPOP3-V0010), whatever the arguments are.
    /// </summary>
    SendsPassword = 2,
}

internal delegate void Pop3Executor(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects);

/// <summary>The line of CAPA that a command brings in these circumstances; null: none.</summary>
internal delegate string? Pop3Capability(Pop3SessionOptions options, SaslChannel channel);

/// <summary>One row of the command table.</summary>
internal sealed record Pop3CommandSpec(
    string Verb,
    Pop3States States,
    Pop3CommandTraits Traits,
    Pop3Executor Execute,
    Pop3Capability? Capability = null);
