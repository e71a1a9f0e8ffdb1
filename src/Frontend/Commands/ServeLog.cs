namespace MailCluster.Frontend.Commands;

internal static partial class ServeLog
{
    [LoggerMessage(2300, LogLevel.Information, "{Binding} listens on {Endpoints}")]
    public static partial void Listening(ILogger log, string binding, string endpoints);

    [LoggerMessage(2301, LogLevel.Warning, "Configured and accepted, but not in force yet: {Keys}")]
    public static partial void NotInForce(ILogger log, string keys);

    [LoggerMessage(2302, LogLevel.Warning, "Configuration: {Advice}")]
    public static partial void Advice(ILogger log, string advice);
}
