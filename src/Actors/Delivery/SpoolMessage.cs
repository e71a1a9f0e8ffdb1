using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Delivery;

/// <summary>How a visit to a mailbox ended.</summary>
internal enum VisitEnd
{
    /// <summary>Nothing is left that could go now.</summary>
    Empty,

    /// <summary>All that was looked at has arrived; there may be more.</summary>
    More,

    /// <summary>Something did not arrive.</summary>
    Failed,
}

/// <summary>What <see cref="SpoolActor"/> receives.</summary>
internal abstract record SpoolMessage
{
    private SpoolMessage()
    {
    }

    /// <summary>Rows of these have been committed, or are due because somebody said so.</summary>
    internal sealed record Arrived(ImmutableArray<MailboxId> Mailboxes) : SpoolMessage;

    /// <summary>There may be rows for mailboxes that had their home elsewhere.</summary>
    internal sealed record HomesArrived : SpoolMessage
    {
        public static readonly HomesArrived Instance = new();
    }

    internal sealed record Tick : SpoolMessage
    {
        public static readonly Tick Instance = new();
    }

    /// <param name="Mailboxes">Null: the store could not be read.</param>
    /// <param name="Oldest">When the oldest of all rows that wait was queued.</param>
    internal sealed record Swept(SpoolMailboxes? Mailboxes, DateTimeOffset? Oldest) : SpoolMessage;

    /// <param name="RetryAfter">Of a failed visit.</param>
    internal sealed record Visited(MailboxId Mailbox, VisitEnd End, TimeSpan RetryAfter) : SpoolMessage;
}
