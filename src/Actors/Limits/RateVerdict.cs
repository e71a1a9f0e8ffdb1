namespace MailCluster.Actors.Limits;

/// <summary>May this message be taken (OXSMTP-EV-08)?</summary>
public enum RateVerdict
{
    /// <summary>It may, and it counts.</summary>
    Taken,

    /// <summary>The window is full; it does not count.</summary>
    Exceeded,

    /// <summary>The home did not answer in time; it may count all the same.</summary>
    Unreachable,
}
