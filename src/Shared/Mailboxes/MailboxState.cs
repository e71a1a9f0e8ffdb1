using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// A mailbox in its actor: the ids already given (speculative: a commit that fails leaves a gap, never a repetition,
/// I4) and the messages of INBOX as committed. Events are applied in the order of turns and published or abandoned in
/// that same order; one owner, no locks.
/// </summary>
/// <remarks>
/// The messages lie in the array of the last snapshot (32 octets each), plus what came and went since. A new snapshot
/// merges the two, at most once per generation; adding a message copies nothing.
/// </remarks>
public sealed class MailboxState
{
    /// <summary>From so many on, removed messages that outnumber the present ones are merged away at once.</summary>
    private const int GoneKept = 64;

    private readonly List<MessageEntry> _arrived = [];
    private readonly HashSet<MessageNumber> _gone = [];
    private readonly HashSet<MessageNumber> _leaving = [];
    private readonly List<(MessageNumber Number, string UniqueId)> _foreign = [];
    private HashSet<MessageNumber>? _taken;
    private MaildropSnapshot _snapshot;

    /// <param name="inbox">Ascending by number.</param>
    /// <param name="lastNumber">Of the mailbox, deleted messages included; the inbox holds no higher one.</param>
    /// <param name="foreign">The foreign unique-ids of the inbox; null: there are none.</param>
    /// <param name="taken">
    /// Numbers that foreign unique-ids of the mailbox look like, deleted messages' included.
    /// </param>
    public MailboxState(
        MailboxId mailbox,
        MessageNumber lastNumber,
        ModSeq modSeq,
        Uid uidNext,
        ImmutableArray<MessageEntry> inbox,
        ForeignUniqueIds? foreign = null,
        params ReadOnlySpan<MessageNumber> taken)
    {
        LastNumber = inbox.IsEmpty ? lastNumber : new(Math.Max(lastNumber.Value, inbox[^1].Number.Value));
        ModSeq = modSeq;
        UidNext = uidNext;
        Generation = modSeq.Value;
        _snapshot = new MaildropSnapshot(mailbox, Generation, inbox, foreign);
        _taken = taken.IsEmpty ? null : [.. taken];
        foreach (var entry in inbox)
        {
            Octets += entry.Octets;
        }
    }

    public MailboxId Mailbox => _snapshot.Mailbox;

    /// <summary>The highest number given, committed or not.</summary>
    public MessageNumber LastNumber { get; private set; }

    /// <summary>The highest MODSEQ given, committed or not (RFC 7162 §3.1.1).</summary>
    public ModSeq ModSeq { get; private set; }

    /// <summary>INBOX's next UID, committed or not (RFC 9051 §2.3.1.1).</summary>
    public Uid UidNext { get; private set; }

    /// <summary>The MODSEQ of the last published event: rises over restarts too.</summary>
    public long Generation { get; private set; }

    /// <summary>Messages published.</summary>
    public int Count => _snapshot.Messages.Length + _arrived.Count - _gone.Count;

    /// <summary>Octets of the messages published, as stored.</summary>
    public long Octets { get; private set; }

    public bool Contains(MessageNumber number) => Find(number) is not null;

    /// <summary>An earlier event that has not ended yet removes it.</summary>
    public bool IsLeaving(MessageNumber number) => _leaving.Contains(number);

    /// <summary>A foreign unique-id looks like it, so it is not to be given.</summary>
    public bool IsTaken(MessageNumber number) => _taken?.Contains(number) == true;

    /// <summary>An earlier event that has not ended yet removes something.</summary>
    public bool IsAnyLeaving => _leaving.Count > 0;

    /// <summary>Takes the event's ids. From here on nobody else gets them.</summary>
    public void Apply(MailboxEvent @event)
    {
        switch (@event)
        {
            case MailboxEvent.MessageAdded added:
                Debug.Assert(added.Number.Value > LastNumber.Value && added.Uid.Value >= UidNext.Value);
                LastNumber = added.Number;
                UidNext = new Uid(added.Uid.Value + 1);
                ModSeq = added.ModSeq;
                if (added.ForeignUniqueId is { } text && ForeignUniqueId.AsNumber(text) is { } alike)
                {
                    (_taken ??= []).Add(alike);
                }

                break;
            case MailboxEvent.MessagesRemoved removed:
                ModSeq = removed.ModSeq;
                _leaving.UnionWith(removed.Numbers);
                break;
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>The event is committed: from here on snapshots show it. In the order of <see cref="Apply"/>.</summary>
    public void Publish(MailboxEvent @event)
    {
        switch (@event)
        {
            case MailboxEvent.MessageAdded added:
                _arrived.Add(new MessageEntry(added.Number, added.Body, added.Octets, added.WireOctets, added.Traits));
                if (added.ForeignUniqueId is { } uniqueId)
                {
                    _foreign.Add((added.Number, uniqueId));
                }

                Octets += added.Octets;
                Generation = added.ModSeq.Value;
                break;
            case MailboxEvent.MessagesRemoved removed:
                foreach (var number in removed.Numbers)
                {
                    Octets -= Find(number)?.Octets ?? 0;
                    _leaving.Remove(number);
                    _gone.Add(number);
                }

                Generation = removed.ModSeq.Value;
                if (_gone.Count >= Math.Max(Count, GoneKept))
                {
                    Snapshot();
                }

                break;
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>
    /// The event was not committed: its ids stay a gap, and what it would have removed can be removed again.
    /// </summary>
    public void Abandon(MailboxEvent @event)
    {
        if (@event is MailboxEvent.MessagesRemoved removed)
        {
            _leaving.ExceptWith(removed.Numbers);
        }
    }

    /// <summary>One instance per generation.</summary>
    public MaildropSnapshot Snapshot()
    {
        if (_snapshot.Generation != Generation)
        {
            var foreign = _snapshot.ForeignUniqueIds;
            var merged = Merge();
            _snapshot = new MaildropSnapshot(Mailbox, Generation, merged, MergeForeign(foreign, merged));
            _arrived.Clear();
            _foreign.Clear();
            _gone.Clear();
            Shrink();
        }

        return _snapshot;
    }

    private ImmutableArray<MessageEntry> Merge()
    {
        var merged = ImmutableArray.CreateBuilder<MessageEntry>(Count);
        if (_gone.Count == 0)
        {
            merged.AddRange(_snapshot.Messages);
            merged.AddRange(_arrived);
            return merged.MoveToImmutable();
        }

        AddPresent(_snapshot.Messages.AsSpan(), merged);
        foreach (var entry in _arrived)
        {
            if (!_gone.Contains(entry.Number))
            {
                merged.Add(entry);
            }
        }

        return merged.MoveToImmutable();
    }

    private ForeignUniqueIds? MergeForeign(ForeignUniqueIds? before, ImmutableArray<MessageEntry> merged)
    {
        if (_foreign.Count == 0 && (before is null || _gone.Count == 0))
        {
            return before;
        }

        var all = new ForeignUniqueIds.Builder();
        var arrived = 0;
        foreach (ref readonly var entry in merged.AsSpan())
        {
            while (arrived < _foreign.Count && _foreign[arrived].Number.Value < entry.Number.Value)
            {
                arrived++;
            }

            if (arrived < _foreign.Count && _foreign[arrived].Number == entry.Number)
            {
                all.Add(entry.Number, _foreign[arrived].UniqueId);
            }
            else if (before is not null)
            {
                all.Add(entry.Number, before.Of(entry.Number));
            }
        }

        return all.Build();
    }

    private void AddPresent(ReadOnlySpan<MessageEntry> entries, ImmutableArray<MessageEntry>.Builder merged)
    {
        foreach (ref readonly var entry in entries)
        {
            if (!_gone.Contains(entry.Number))
            {
                merged.Add(entry);
            }
        }
    }

    /// <summary>What a burst of arrivals or a large removal made room for is not kept by an idle mailbox.</summary>
    private void Shrink()
    {
        _arrived.Capacity = Math.Min(_arrived.Capacity, 16);
        _foreign.Capacity = Math.Min(_foreign.Capacity, 16);
        _gone.TrimExcess();
        _leaving.TrimExcess();
    }

    private MessageEntry? Find(MessageNumber number)
    {
        if (_gone.Contains(number))
        {
            return null;
        }

        var messages = _snapshot.Messages.AsSpan();
        return Find(messages, number) ?? Find(CollectionsMarshal.AsSpan(_arrived), number);
    }

    private static MessageEntry? Find(ReadOnlySpan<MessageEntry> entries, MessageNumber number)
    {
        var index = entries.BinarySearch(new ByNumber(number));
        return index >= 0 ? entries[index] : null;
    }

    private readonly struct ByNumber(MessageNumber number) : IComparable<MessageEntry>
    {
        public int CompareTo(MessageEntry other) => number.CompareTo(other.Number);
    }
}
