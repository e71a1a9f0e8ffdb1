using Microsoft.Extensions.Logging;

namespace MailCluster.Storage;

internal static partial class StorageLog
{
    [LoggerMessage(2200, LogLevel.Information,
        "Store opened in {DataDirectory}: SQLite {Version}, {Migrations} migrations applied")]
    public static partial void Opened(ILogger logger, string dataDirectory, string version, int migrations);

    [LoggerMessage(2201, LogLevel.Error, "The store does not take writes: {Fault}")]
    public static partial void WritesFail(ILogger logger, string fault);

    [LoggerMessage(2202, LogLevel.Information, "The store takes writes again")]
    public static partial void WritesWork(ILogger logger);

    [LoggerMessage(2203, LogLevel.Warning, "A commit unit was refused: {Reason}")]
    public static partial void UnitRefused(ILogger logger, string reason);

    [LoggerMessage(2204, LogLevel.Error, "A participant threw when it was told the end of its unit")]
    public static partial void ParticipantThrew(ILogger logger, Exception exception);

    [LoggerMessage(2205, LogLevel.Warning, "A checkpoint failed: {Reason}")]
    public static partial void CheckpointFailed(ILogger logger, string reason);

    [LoggerMessage(2206, LogLevel.Error, "A read failed")]
    public static partial void ReadFailed(ILogger logger, Exception exception);

    [LoggerMessage(2207, LogLevel.Debug, "Swept {Bodies} unreferenced bodies and {Staged} unfinished ones")]
    public static partial void Swept(ILogger logger, int bodies, int staged);

    [LoggerMessage(2208, LogLevel.Warning, "A sweep failed: {Reason}")]
    public static partial void SweepFailed(ILogger logger, string reason);

    [LoggerMessage(2209, LogLevel.Critical,
        "This build does not sync its commits: for tests only, mail is lost with the power")]
    public static partial void NotSynchronous(ILogger logger);
}
