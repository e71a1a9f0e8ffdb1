using MailCluster.Shared;

namespace MailCluster.Actors.Limits;

/// <summary>What a new connection is told by the home of its source.</summary>
public enum Admission
{
    /// <summary>
    /// It holds a permit, which is given back by <see cref="SourceLimits.Release(string, SourceKey, long)"/>.
    /// </summary>
    Admitted,

    /// <summary>
    /// As <see cref="Admitted"/>, and the client owes the wait of OXSMTP-EV-19 from an earlier connection.
    /// </summary>
    AdmittedOwing,

    /// <summary>Its source holds as many permits as it may (OXSMTP-EV-16); no permit.</summary>
    TooMany,

    /// <summary>The home did not answer in time; no permit. WhenLimitHomeUnreachable decides.</summary>
    Unreachable,
}
