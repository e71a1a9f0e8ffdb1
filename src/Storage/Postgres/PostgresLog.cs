using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.Postgres;

internal static partial class PostgresLog
{
    [LoggerMessage(2220, LogLevel.Information,
        "Database {Place}: PostgreSQL {Version}, {Migrations} migrations applied")]
    public static partial void Opened(ILogger logger, string place, string version, int migrations);

    [LoggerMessage(2221, LogLevel.Warning, "{Advice}")]
    public static partial void Advice(ILogger logger, string advice);

    [LoggerMessage(2222, LogLevel.Error, "The database does not take commits: {Fault}")]
    public static partial void WritesFail(ILogger logger, string fault);

    [LoggerMessage(2223, LogLevel.Information, "The database takes commits again")]
    public static partial void WritesWork(ILogger logger);

    [LoggerMessage(2224, LogLevel.Error, "The database is away: {Fault}")]
    public static partial void Away(ILogger logger, string fault);

    [LoggerMessage(2225, LogLevel.Information, "The database is back")]
    public static partial void Back(ILogger logger);

    [LoggerMessage(2226, LogLevel.Warning,
        "The connection was lost in the midst of a commit of {Units} units: its token is looked up ({Reason})")]
    public static partial void OutcomeUnknown(ILogger logger, int units, string reason);

    [LoggerMessage(2227, LogLevel.Information, "The commit of {Units} units whose answer was lost {Outcome}")]
    public static partial void OutcomeKnown(ILogger logger, int units, string outcome);

    [LoggerMessage(2228, LogLevel.Warning, "{Units} units were not written: their shards have another home ({Shards})")]
    public static partial void Fenced(ILogger logger, int units, string shards);

    [LoggerMessage(2229, LogLevel.Error, "This node has lost its place in the cluster: nothing is written any more")]
    public static partial void NodeLost(ILogger logger);

    [LoggerMessage(2230, LogLevel.Error, "A listener threw when it was told of a change")]
    public static partial void ListenerThrew(ILogger logger, Exception exception);

    [LoggerMessage(2231, LogLevel.Warning,
        "The database {Place} cannot be reached yet (attempt {Attempt} of {Attempts}): {Fault}")]
    public static partial void NotReached(ILogger logger, string place, int attempt, int attempts, string fault);

    [LoggerMessage(3090, LogLevel.Debug, "Changes of the cluster are not told at the moment, polling sees them: {Fault}")]
    public static partial void ClusterFeedBroke(ILogger log, string fault);
}
