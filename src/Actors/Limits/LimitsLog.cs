using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Limits;

/// <summary>Of the limits per source: our own faults, never a client's doing; event ids from 2100.</summary>
internal static partial class LimitsLog
{
    [LoggerMessage(
        2100, LogLevel.Warning,
        "Homes of sources did not answer within {Deadline}, which is said at most once a minute.")]
    public static partial void Late(ILogger log, TimeSpan deadline);

    [LoggerMessage(2101, LogLevel.Warning, "The home of {Source} was restarted and took over {Permits} permits.")]
    public static partial void TookOver(ILogger log, HomeKey source, int permits);
}
