using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Storage;

/// <summary>Whose limits: a customer, a domain, one mailbox by address or number.</summary>
public abstract record LimitTarget
{
    private LimitTarget()
    {
    }

    public sealed record Tenant(string Name) : LimitTarget;

    public sealed record Domain(string Name) : LimitTarget;

    public sealed record Account(string LocalPart, string DomainName) : LimitTarget;

    public sealed record Mailbox(MailboxId Id) : LimitTarget;
}

/// <summary>What the levels above a target and the target itself say; nothing at the levels below it.</summary>
/// <param name="Name">As it was given when it was made: a tenant's or domain's name, an address.</param>
/// <param name="Id">Null: of a tenant or domain.</param>
public sealed record LimitLevels(
    string Name, MailboxLimits Tenant, MailboxLimits Domain, MailboxLimits Mailbox, MailboxId? Id);

/// <summary>A mailbox that may hold messages older than it keeps them.</summary>
/// <param name="Before">What is older goes.</param>
public sealed record RetentionCandidate(MailboxId Mailbox, DateTimeOffset Before);

/// <param name="Next">Where the next page goes on; null: this was the last.</param>
public sealed record RetentionPage(ImmutableArray<RetentionCandidate> Candidates, MailboxId? Next);

/// <summary>Messages of INBOX that are older than a date.</summary>
/// <param name="Numbers">Ascending.</param>
/// <param name="IsAll">There are no more of them.</param>
/// <param name="OldestKept">When all: the date of the oldest one that is not; null: there is none.</param>
/// <param name="LastNumber">The mailbox's last number when this was read.</param>
public sealed record ExpiredMessages(
    ImmutableArray<MessageNumber> Numbers, bool IsAll, DateTimeOffset? OldestKept, MessageNumber LastNumber);

/// <summary>Limits of tenants, domains and mailboxes, and what is measured against them.</summary>
public interface IQuotaStore
{
    /// <summary>Limits changed; whoever holds some drops them. Raised after the commit, on any thread.</summary>
    event Action Changed;

    /// <summary>Null when there is no such tenant, domain or mailbox.</summary>
    ValueTask<LimitLevels?> FindAsync(LimitTarget target, CancellationToken cancellationToken);

    /// <summary>Durable when the task completes. <paramref name="change"/> is called inside the transaction.</summary>
    Task<DirectoryChange> ChangeAsync(
        LimitTarget target, Func<MailboxLimits, MailboxLimits> change, CancellationToken cancellationToken);

    /// <summary>
    /// Octets of all messages of a mailbox as committed: a counter, whatever the mailbox holds. What has been
    /// acknowledged is in it. 0 when there is no such mailbox.
    /// </summary>
    ValueTask<long> UsedOctetsAsync(MailboxId mailbox, CancellationToken cancellationToken);

    /// <summary>
    /// Mailboxes in the order of their numbers, from <paramref name="after"/> on, of which at most <paramref
    /// name="limit"/> are looked at. A mailbox without old messages is not named again before it has some.
    /// </summary>
    /// <param name="presetDays">For those that no level says anything about; null: they keep everything.</param>
    ValueTask<RetentionPage> ListRetentionAsync(
        MailboxId after, int? presetDays, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>The least retention in days that any level sets; null: none does.</summary>
    ValueTask<int?> ShortestRetentionAsync(CancellationToken cancellationToken);

    ValueTask<ExpiredMessages> ListExpiredAsync(
        MailboxId mailbox, DateTimeOffset before, int limit, CancellationToken cancellationToken);
}
