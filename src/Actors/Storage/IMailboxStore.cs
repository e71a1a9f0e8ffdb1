using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Storage;

/// <summary>A folder's counters as committed.</summary>
public sealed record FolderImage(
    FolderId Folder, string Name, UidValidity UidValidity, Uid UidNext, ModSeq HighestModSeq);

/// <summary>A mailbox as committed: what its actor starts from.</summary>
/// <param name="Inbox">The messages of INBOX, ascending by number.</param>
/// <param name="ForeignUniqueIds">Of INBOX; null: there are none.</param>
/// <param name="TakenNumbers">Those that foreign unique-ids look like, removed messages' included.</param>
/// <param name="IsWarned">It has had the notice of its present fullness.</param>
public sealed record MailboxImage(
    MailboxId Mailbox,
    TenantId Tenant,
    MessageNumber LastNumber,
    ModSeq ModSeq,
    ImmutableArray<FolderImage> Folders,
    ImmutableArray<MessageEntry> Inbox,
    ForeignUniqueIds? ForeignUniqueIds = null,
    ImmutableArray<MessageNumber> TakenNumbers = default,
    bool IsWarned = false);

/// <summary>What the store knows of a message that is to be imported.</summary>
public enum ImportStanding
{
    New,

    /// <summary>It was imported: it is in the mailbox, or was removed from it since.</summary>
    Imported,

    /// <summary>Another message has, or had, its foreign unique-id.</summary>
    UniqueIdTaken,
}

public interface IMailboxStore
{
    /// <summary>
    /// Null when there is no such mailbox. Throws <see cref="StoreUnavailableException"/> when the store cannot be
    /// read.
    /// </summary>
    ValueTask<MailboxImage?> LoadAsync(MailboxId mailbox, CancellationToken cancellationToken);

    /// <summary>As committed. Throws as <see cref="LoadAsync"/>.</summary>
    /// <param name="key">Of <see cref="StoreOperation.RecordImport"/>.</param>
    /// <param name="foreignUniqueId">Null: it brings none.</param>
    ValueTask<ImportStanding> FindImportAsync(
        MailboxId mailbox, string key, string? foreignUniqueId, CancellationToken cancellationToken);
}

/// <summary>
/// The store cannot answer now: a temporary failure (4yz, -ERR [SYS/TEMP]), never the client's fault.
/// </summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
