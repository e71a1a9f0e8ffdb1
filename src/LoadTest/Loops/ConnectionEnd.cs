namespace MailCluster.LoadTest.Loops;

/// <summary>Why nothing more comes.</summary>
internal enum ConnectionEnd
{
    None,
    Refused,
    Unreachable,
    NoPort,
    NoDescriptor,
    ClosedByPeer,
    Reset,
    TimedOut,
    TlsFailed,

    /// <summary>Turned away where TLS comes first.</summary>
    TlsAlert,
    ClosedHere,
}
