namespace MailCluster.Frontend.Commands;

/// <summary>
/// What the program ends with: the numbers of BSD's sysexits.h, which service managers and scripts know.
/// </summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The node refused the change and said why.</summary>
    public const int Refused = 1;

    /// <summary>EX_USAGE: the command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>EX_NOINPUT: what is to be read is not there, or is not what it should be.</summary>
    public const int NoInput = 66;

    /// <summary>EX_UNAVAILABLE: no node answers.</summary>
    public const int NoNode = 69;

    /// <summary>EX_SOFTWARE: a defect; standard error has all that is known of it.</summary>
    public const int Defect = 70;

    /// <summary>EX_OSERR: a port in use, a certificate or a data directory that cannot be used.</summary>
    public const int System = 71;

    /// <summary>EX_NOPERM: the admin token is missing or wrong.</summary>
    public const int NotAllowed = 77;

    /// <summary>EX_CONFIG: the configuration is wrong.</summary>
    public const int Configuration = 78;
}

/// <summary>Ends a command with a message for the administrator.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    public int Code { get; } = exitCode;

    /// <summary>No node answers, or it cannot take the request now: later it may.</summary>
    public bool MayPass { get; init; }
}
