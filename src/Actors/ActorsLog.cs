using Microsoft.Extensions.Logging;
using MailCluster.Actors.Kernel;

namespace MailCluster.Actors;

/// <summary>Of the actor kernel; event ids from 2400.</summary>
internal static partial class ActorsLog
{
    [LoggerMessage(2400, LogLevel.Error, "Actor {Actor} failed and is restarted after {Wait}")]
    public static partial void Restarting(ILogger logger, object actor, TimeSpan wait, Exception exception);

    [LoggerMessage(2401, LogLevel.Error, "Actor {Actor} failed while it was stopping")]
    public static partial void StoppingFailed(ILogger logger, object actor, Exception exception);

    [LoggerMessage(2402, LogLevel.Debug, "{Message} to {Actor} was dropped: {Why}")]
    public static partial void Undelivered(ILogger logger, object actor, Type message, AskFailure why);

    [LoggerMessage(2403, LogLevel.Error, "{Message} to {Actor} failed when it was told that it was dropped")]
    public static partial void UndeliveredFailed(ILogger logger, object actor, Type message, Exception exception);
}
