using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>Opening, wherever the home is.</summary>
internal readonly struct OpenAsk(MailboxRegion region, RemoteMaildrops remote, MailboxId mailbox)
    : IShardAsk<MaildropSnapshot?>
{
    public ShardId Shard => ShardId.Of(mailbox);

    public bool IsRepeatable => true;

    public ValueTask<MaildropSnapshot?> AskHere(TimeSpan patience) => region.SnapshotAsync(mailbox, patience);

    public ValueTask<MaildropSnapshot?> AskThere(ShardAsks asks, NodePeer home, TimeSpan patience) =>
        remote.FetchAsync(mailbox, home, patience);
}

/// <summary>
/// Removal, wherever the home is. Numbers that are gone count as done, so asking again after a lost answer does no
/// harm.
/// </summary>
internal readonly struct RemoveAsk(
    MailboxRegion region, MaildropLinkOptions options, MailboxId mailbox, ImmutableArray<MessageNumber> numbers)
    : IShardAsk<bool>
{
    public ShardId Shard => ShardId.Of(mailbox);

    public bool IsRepeatable => true;

    public ValueTask<bool> AskHere(TimeSpan patience) => region.RemoveAsync(mailbox, numbers, patience);

    public async ValueTask<bool> AskThere(ShardAsks asks, NodePeer home, TimeSpan patience)
    {
        var since = asks.System.Time.GetTimestamp();
        var removal = numbers.Length > options.NumbersInPart ? (ulong)asks.System.Deadlines.NextSequence() : 0;
        for (var before = 0; ; before += options.NumbersInPart)
        {
            var part = numbers.AsSpan()[before..Math.Min(before + options.NumbersInPart, numbers.Length)];
            var isMore = before + part.Length < numbers.Length;
            var answer = await asks.AskAsync(
                home, Request(part, removal, before, isMore), patience - asks.System.Time.GetElapsedTime(since));
            if (!isMore || answer.MessagesRemoved?.Removed != true)
            {
                return answer.MessagesRemoved?.Removed ?? throw new AskFailedException(AskFailure.Failed);
            }
        }
    }

    private Envelope Request(ReadOnlySpan<MessageNumber> part, ulong removal, int before, bool isMore)
    {
        var request = new RemoveMessages
        {
            Mailbox = mailbox.Value, Removal = removal, Before = (uint)before, IsMore = isMore,
        };
        var last = 0L;
        foreach (var number in part)
        {
            request.NumberSteps.Add(number.Value - last);
            last = number.Value;
        }

        return new Envelope { Shard = ShardAsks.NumberOf(Shard), RemoveMessages = request };
    }
}

/// <summary>What a mailbox holds, wherever its home is.</summary>
internal readonly struct ShowAsk(MailboxRegion region, MailboxId mailbox) : IShardAsk<MaildropTotals?>
{
    public ShardId Shard => ShardId.Of(mailbox);

    public bool IsRepeatable => true;

    public ValueTask<MaildropTotals?> AskHere(TimeSpan patience) => region.TotalsAsync(mailbox, patience);

    public async ValueTask<MaildropTotals?> AskThere(ShardAsks asks, NodePeer home, TimeSpan patience)
    {
        var answer = await asks.AskAsync(
            home,
            new Envelope
            {
                Shard = ShardAsks.NumberOf(Shard),
                ShowMaildrop = new ShowMaildrop { Mailbox = mailbox.Value },
            },
            patience);
        var shown = answer.MaildropShown ?? throw new AskFailedException(AskFailure.Failed);
        return shown.Exists ? new((int)shown.Messages, shown.Octets) : null;
    }
}
