namespace MailCluster.Frontend.Observability;

internal static partial class ObservabilityLog
{
    [LoggerMessage(2500, LogLevel.Warning, "Short of resources, so new mail is refused with 452 4.3.1: {Reason}")]
    public static partial void ResourcesShort(ILogger log, string reason);

    [LoggerMessage(2501, LogLevel.Information, "Resources suffice again, new mail is taken")]
    public static partial void ResourcesWell(ILogger log);

    [LoggerMessage(
        2502, LogLevel.Warning, "The {Resource} cannot be read and holds up no mail; said once: {Problem}")]
    public static partial void ResourceUnreadable(ILogger log, string resource, string problem);
}
