namespace MailCluster.LoadTest.Loops;

/// <summary>What the system's numbers (errno) mean for a connection.</summary>
internal static class SystemError
{
    public static ConnectionEnd End(int error) => error switch
    {
        111 => ConnectionEnd.Refused, // ECONNREFUSED
        104 => ConnectionEnd.Reset, // ECONNRESET
        110 => ConnectionEnd.TimedOut, // ETIMEDOUT
        98 or 99 => ConnectionEnd.NoPort, // EADDRINUSE, EADDRNOTAVAIL
        _ => ConnectionEnd.Unreachable,
    };
}
