using System.Collections.Immutable;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// A snapshot and what this session has marked in it. The snapshot is shared by sessions and never moves
/// (STANXPOP3-C0004); the marks are one bit each, and there are none before the first DELE.
/// </summary>
internal sealed class Pop3Maildrop
{
    private readonly bool _exactSize;
    private readonly long _octets;
    private long _markedOctets;
    private ulong[]? _marks;

    public Pop3Maildrop(MaildropSnapshot snapshot, bool exactSize)
    {
        Snapshot = snapshot;
        _exactSize = exactSize;
        foreach (ref readonly var entry in snapshot.Messages.AsSpan())
        {
            _octets += exactSize ? entry.WireOctets : entry.Octets;
        }
    }

    public MaildropSnapshot Snapshot { get; }

    public int Count => Snapshot.Messages.Length;

    public int MarkedCount { get; private set; }

    public int RemainingCount => Count - MarkedCount;

    /// <summary>The sum of what LIST shows (STANXPOP3-NV-2.1.4, NV-2.1.5).</summary>
    public long RemainingOctets => _octets - _markedOctets;

    public long OctetsOf(int index)
    {
        ref readonly var entry = ref Snapshot.Messages.ItemRef(index);
        return _exactSize ? entry.WireOctets : entry.Octets;
    }

    /// <summary>Empty: the message's number is its unique-id.</summary>
    public ReadOnlySpan<byte> ForeignUniqueIdOf(int index) => Snapshot.ForeignUniqueIds is { } foreign
        ? foreign.Of(Snapshot.Messages[index].Number)
        : default;

    public bool IsMarked(int index) => _marks is not null && (_marks[index >> 6] & (1UL << index)) != 0;

    public void Mark(int index)
    {
        _marks ??= new ulong[(Count + 63) >> 6];
        _marks[index >> 6] |= 1UL << index;
        _markedOctets += OctetsOf(index);
        MarkedCount++;
    }

    public void UnmarkAll()
    {
        _marks.AsSpan().Clear();
        _markedOctets = 0;
        MarkedCount = 0;
    }

    public ImmutableArray<MessageNumber> MarkedNumbers()
    {
        var numbers = ImmutableArray.CreateBuilder<MessageNumber>(MarkedCount);
        for (var index = 0; index < Count; index++)
        {
            if (IsMarked(index))
            {
                numbers.Add(Snapshot.Messages[index].Number);
            }
        }

        return numbers.MoveToImmutable();
    }
}
