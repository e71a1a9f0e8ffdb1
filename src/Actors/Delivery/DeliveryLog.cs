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

    [LoggerMessage(2053, LogLevel.Debug, "Body {Body} waits in the spool for {Mailboxes} mailboxes.")]
    public static partial void Spooled(ILogger log, long body, int mailboxes);

    [LoggerMessage(2054, LogLevel.Debug, "Mailbox {Mailbox}: {Messages} spooled messages did not arrive: {Error}.")]
    public static partial void Deferred(ILogger log, long mailbox, int messages, string error);

    [LoggerMessage(2055, LogLevel.Warning, "Spooled message {Id} for mailbox {Mailbox} is given up: {Error}.")]
    public static partial void Parked(ILogger log, long id, long mailbox, string error);

    [LoggerMessage(2056, LogLevel.Warning, "The spool could not be read; it is tried again.")]
    public static partial void SpoolNotRead(ILogger log, Exception failure);
}
