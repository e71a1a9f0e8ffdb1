using System.Buffers;
using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// A client that fetches one message after the other gets the next small ones read with the first: one hand-over to a
/// reader thread for many RETR. What was read is served only while nothing was removed from the mailbox
/// (<see cref="IBodyStore.RemovalStamp"/>). One buffer, held while it is in use and given back when the client pauses.
/// </summary>
internal sealed class ReadAhead(IBodyStore bodies)
{
    // A head and the first octets of a chunk fit: the usual message with an attachment is one read, not two.
    private const int Octets = 128 * 1024;
    private const int MessagesMax = 64;

    private Pages? _pages;
    private BodyId _lastServed;

    private sealed class Pages(byte[] buffer)
    {
        public byte[] Buffer => buffer;

        public ImmutableArray<MessageEntry> Messages { get; set; }

        public int First { get; set; }

        public int Count { get; set; }

        public int Next { get; set; }

        public int Offset { get; set; }

        public long Stamp { get; set; }
    }

    /// <summary>A buffer is held; the client's pause gives it back.</summary>
    public bool IsHolding => _pages is not null;

    /// <summary>
    /// The whole message, when it has been read ahead or can be now. Null: read it the ordinary way. The octets are
    /// valid until the next call.
    /// </summary>
    public async ValueTask<ReadOnlyMemory<byte>?> TakeAsync(MaildropSnapshot snapshot, MessageEntry entry)
    {
        if (TryTake(snapshot, entry, out var octets))
        {
            return octets;
        }

        var index = IndexOf(snapshot.Messages, entry.Number);
        // Who begins with the first is taken to want all.
        var isSequential = index == 0 || (index > 0 && snapshot.Messages[index - 1].Body == _lastServed);
        _lastServed = entry.Body;
        if (!isSequential || entry.Octets > Octets)
        {
            return null;
        }

        await FillAsync(_pages ??= new Pages(ArrayPool<byte>.Shared.Rent(Octets)), snapshot, index)
            .ConfigureAwait(false);
        if (!TryTake(snapshot, entry, out octets))
        {
            // Not "? octets : null": there, null would become an empty memory.
            return null;
        }

        return octets;
    }

    public void Release()
    {
        if (_pages is { } pages)
        {
            _pages = null;
            ArrayPool<byte>.Shared.Return(pages.Buffer);
        }
    }

    private async ValueTask FillAsync(Pages pages, MaildropSnapshot snapshot, int index)
    {
        var count = Math.Min(MessagesMax, snapshot.Messages.Length - index);
        pages.Messages = snapshot.Messages;
        pages.First = index;
        pages.Next = 0;
        pages.Offset = 0;
        // Before the read: a removal that commits in between changes it.
        pages.Stamp = bodies.RemovalStamp(snapshot.Mailbox);
        pages.Count = 0;
        pages.Count = await bodies.ReadMessagesAsync(
            snapshot.Mailbox, snapshot.Messages.AsMemory().Slice(index, count), pages.Buffer.AsMemory(0, Octets),
            CancellationToken.None)
            .ConfigureAwait(false);
    }

    private bool TryTake(MaildropSnapshot snapshot, MessageEntry entry, out ReadOnlyMemory<byte> octets)
    {
        octets = default;
        if (_pages is not { } pages
            || pages.Next >= pages.Count
            || pages.Messages[pages.First + pages.Next].Number != entry.Number
            || pages.Stamp != bodies.RemovalStamp(snapshot.Mailbox))
        {
            return false;
        }

        octets = pages.Buffer.AsMemory(pages.Offset, (int)entry.Octets);
        pages.Offset += (int)entry.Octets;
        pages.Next++;
        _lastServed = entry.Body;
        return true;
    }

    private static int IndexOf(ImmutableArray<MessageEntry> messages, MessageNumber number)
    {
        var low = 0;
        var high = messages.Length - 1;
        while (low <= high)
        {
            var middle = low + ((high - low) / 2);
            var order = messages[middle].Number.CompareTo(number);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}
