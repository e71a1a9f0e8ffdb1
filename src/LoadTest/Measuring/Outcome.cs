using MailCluster.LoadTest.Loops;

namespace MailCluster.LoadTest.Measuring;

/// <summary>How far a client came.</summary>
internal enum Stage
{
    Connect,
    Greeting,
    Ehlo,
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Body,
    Login,
    Stat,
    Retr,
    Dele,
    Quit,
}

/// <summary>Done, or where it ended and by what.</summary>
/// <param name="Code">Reply code of SMTP; -1 for -ERR; 0: no reply.</param>
internal readonly record struct Outcome(Stage Stage, int Code, ConnectionEnd End)
{
    public static readonly Outcome Done = new(Stage.Quit, 1, ConnectionEnd.None);

    public bool IsDone => Code == 1;

    /// <summary>Turned away instead of greeted: with a reply, or where TLS comes first with an alert.</summary>
    public bool IsTurnedAway => this is { Stage: Stage.Greeting, Code: not 0 } or { End: ConnectionEnd.TlsAlert };

    public static Outcome Refused(Stage stage, int code) => new(stage, code, ConnectionEnd.None);

    public static Outcome Lost(Stage stage, Connection connection) => new(stage, 0, connection.End);

    /// <summary>From a closed set, since it is a key of a table.</summary>
    public string Reason => Code switch
    {
        -1 => "-ERR",
        > 1 => Code.ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => End switch
        {
            ConnectionEnd.Refused => "connection refused",
            ConnectionEnd.Unreachable => "unreachable",
            ConnectionEnd.NoPort => "no free port here",
            ConnectionEnd.NoDescriptor => "no free descriptor here",
            ConnectionEnd.ClosedByPeer => "closed by the server",
            ConnectionEnd.Reset => "reset by the server",
            ConnectionEnd.TimedOut => "no answer in time",
            ConnectionEnd.TlsFailed => "TLS failed",
            ConnectionEnd.TlsAlert => "TLS alert",
            _ => "closed here",
        },
    };
}
