namespace MailCluster.Frontend.Import;

/// <summary>Another server's mailbox, in the order in which its messages are to be listed.</summary>
internal interface IMessageSource
{
    /// <summary>What <see cref="SourceMessage.Progress"/> counts up to.</summary>
    long Total { get; }

    /// <exception cref="SourceFault">It cannot be read, or is not what it should be.</exception>
    IEnumerable<SourceMessage> Read();
}

/// <summary>What is wrong with a source, for the administrator.</summary>
internal sealed class SourceFault(string message) : Exception(message);
