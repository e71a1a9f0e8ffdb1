using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Delivery;

internal static partial class DeliveryLog
{
    [LoggerMessage(
        2050, LogLevel.Warning,
        "Mailbox {Mailbox} was removed after it had been accepted as recipient of body {Body}.")]
    public static partial void Vanished(ILogger log, long mailbox, long body);

    [LoggerMessage(2051, LogLevel.Debug, "Body {Body} was not committed: {Outcome}.")]
    public static partial void NotCommitted(ILogger log, long body, CommitOutcome outcome);

    [LoggerMessage(2052, LogLevel.Warning, "A mailbox did not contribute to the commit of body {Body} in time.")]
    public static partial void ContributionLate(ILogger log, long body);
}
