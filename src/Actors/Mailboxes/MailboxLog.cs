using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Mailboxes;

internal static partial class MailboxLog
{
    [LoggerMessage(2000, LogLevel.Warning, "Mailbox {Mailbox}: a write ended as {Outcome}; its state is loaded again.")]
    public static partial void Reloading(ILogger log, long mailbox, CommitOutcome outcome);

    [LoggerMessage(2001, LogLevel.Warning, "Mailbox {Mailbox} could not be loaded.")]
    public static partial void LoadFailed(ILogger log, long mailbox, Exception failure);

    [LoggerMessage(2002, LogLevel.Debug, "Mailbox {Mailbox} does not exist.")]
    public static partial void Missing(ILogger log, long mailbox);

    [LoggerMessage(2003, LogLevel.Error, "Mailbox {Mailbox} has given its last UID; deliveries are refused.")]
    public static partial void UidsExhausted(ILogger log, long mailbox);

    [LoggerMessage(2004, LogLevel.Information, "Retention removed {Messages} messages from {Mailboxes} mailboxes.")]
    public static partial void RetentionSwept(ILogger log, int messages, int mailboxes);

    [LoggerMessage(2005, LogLevel.Debug, "Retention could not remove from mailbox {Mailbox} now: {Why}.")]
    public static partial void RetentionDeferred(ILogger log, long mailbox, AskFailure why);

    [LoggerMessage(2007, LogLevel.Error, "Mailbox {Mailbox} of another node could not be opened.")]
    public static partial void OpeningFailed(ILogger log, long mailbox, Exception failure);

    [LoggerMessage(2006, LogLevel.Warning, "Retention could not read the store; it is tried again.")]
    public static partial void RetentionFailed(ILogger log, Exception failure);
}
