using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.History;

internal static partial class HistoryLog
{
    [LoggerMessage(2240, LogLevel.Warning,
        "What this node remembers of its store cannot be read, so a restored one is not noticed: {File}: {Fault}")]
    public static partial void Unreadable(ILogger logger, string file, string fault);

    [LoggerMessage(2241, LogLevel.Warning,
        "How far this node has committed is not noted, so a restored store may not be noticed: {File}: {Fault}")]
    public static partial void NotWritten(ILogger logger, string file, string fault);

    [LoggerMessage(2242, LogLevel.Critical, "The store was set back under this node, which writes nothing any more: {Fault}")]
    public static partial void SetBack(ILogger logger, string fault);
}
