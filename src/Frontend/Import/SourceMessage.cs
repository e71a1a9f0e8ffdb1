using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>One message of a source, found but not read.</summary>
/// <param name="Name">For the administrator: a file, or a place in one.</param>
/// <param name="Key">Names it the same in every run, whatever was added to the source or taken from it.</param>
/// <param name="Octets">As the source has it.</param>
/// <param name="Progress">How much of the source's total is behind it.</param>
/// <param name="Open">Its octets as they are to be stored.</param>
internal sealed record SourceMessage(
    string Name, string Key, MessageOrigin Origin, long Octets, long Progress, Func<Stream> Open)
{
    /// <summary>
    /// The old server had no unique-id for it, or one that POP3 does not allow, though such ids were asked for.
    /// </summary>
    public bool LacksUniqueId { get; init; }

    /// <summary>It has flags that there is no place for.</summary>
    public bool LosesFlags { get; init; }
}
