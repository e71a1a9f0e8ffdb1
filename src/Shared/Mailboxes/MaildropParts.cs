using System.Collections.Immutable;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// A snapshot cut into parts on its way to another node; each holds whole messages. A message is five numbers of 7 bits
/// per octet, least first: its number less the one before, its body less the one before (zigzag), octets, wire octets
/// less octets (zigzag), and twice its traits, plus one when a foreign unique-id follows as one octet of length and its
/// characters. Mostly 10 to 20 octets. Frozen: other versions read it.
/// </summary>
public sealed class MaildropPartWriter(MaildropSnapshot snapshot)
{
    /// <summary>No part is smaller, so that each takes a message at least.</summary>
    public const int PartOctetsMin = 128;

    private const int EntryOctetsMax = (5 * 10) + 1;

    private int _next;
    private long _number;
    private long _body;

    public bool IsAtEnd => _next == snapshot.Messages.Length;

    /// <summary>As many messages as certainly fit; returns the octets written.</summary>
    /// <param name="part">At least <see cref="PartOctetsMin"/>.</param>
    public int Write(Span<byte> part)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(part.Length, PartOctetsMin);
        var at = 0;
        while (!IsAtEnd)
        {
            ref readonly var entry = ref snapshot.Messages.AsSpan()[_next];
            var foreign = snapshot.ForeignUniqueIds is { } ids ? ids.Of(entry.Number) : default;
            if (at + EntryOctetsMax + foreign.Length > part.Length)
            {
                break;
            }

            Put(part, ref at, (ulong)(entry.Number.Value - _number));
            Put(part, ref at, ZigZag(entry.Body.Value - _body));
            Put(part, ref at, entry.Octets);
            Put(part, ref at, ZigZag((long)entry.WireOctets - entry.Octets));
            Put(part, ref at, ((ulong)entry.Traits << 1) | (foreign.IsEmpty ? 0UL : 1UL));
            if (!foreign.IsEmpty)
            {
                part[at++] = (byte)foreign.Length;
                foreign.CopyTo(part[at..]);
                at += foreign.Length;
            }

            _number = entry.Number.Value;
            _body = entry.Body.Value;
            _next++;
        }

        return at;
    }

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static void Put(Span<byte> part, ref int at, ulong value)
    {
        while (value >= 0x80)
        {
            part[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        part[at++] = (byte)value;
    }
}

/// <summary>Puts together what <see cref="MaildropPartWriter"/> cut, part by part.</summary>
public sealed class MaildropPartReader
{
    private readonly ImmutableArray<MessageEntry>.Builder _messages = ImmutableArray.CreateBuilder<MessageEntry>();
    private readonly ForeignUniqueIds.Builder _foreign = new();
    private long _number;
    private long _body;

    /// <summary>Read so far.</summary>
    public int Count => _messages.Count;

    /// <summary>Before the first part: so many will come. Only a hint for memory.</summary>
    public void Expect(int messages) => _messages.Capacity = Math.Max(_messages.Count, Math.Min(messages, 1 << 20));

    /// <summary>False: this is no part; what was read is worth nothing.</summary>
    public bool TryRead(ReadOnlySpan<byte> part)
    {
        while (!part.IsEmpty)
        {
            if (!TryReadOne(ref part))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Once, after the last part.</summary>
    public MaildropSnapshot ToSnapshot(MailboxId mailbox, long generation) =>
        new(mailbox, generation, _messages.DrainToImmutable(), _foreign.Build());

    private bool TryReadOne(ref ReadOnlySpan<byte> part)
    {
        if (!TryTake(ref part, out var number) || !TryTake(ref part, out var body)
            || !TryTake(ref part, out var octets) || !TryTake(ref part, out var more)
            || !TryTake(ref part, out var traits))
        {
            return false;
        }

        var wire = (long)octets + UnZigZag(more);
        if (number is 0 or > long.MaxValue || octets > uint.MaxValue || wire is < 0 or > uint.MaxValue
            || traits >> 1 > int.MaxValue)
        {
            return false;
        }

        _number = unchecked(_number + (long)number);
        _body = unchecked(_body + UnZigZag(body));
        if (_number < 0)
        {
            return false;
        }

        _messages.Add(new MessageEntry(
            new MessageNumber(_number), new BodyId(_body), (uint)octets, (uint)wire, (MessageTraits)(traits >> 1)));
        return (traits & 1) == 0 || TryReadForeign(ref part);
    }

    private bool TryReadForeign(ref ReadOnlySpan<byte> part)
    {
        if (part.IsEmpty || part[0] is 0 or > ForeignUniqueId.OctetsMax || part.Length <= part[0])
        {
            return false;
        }

        var length = part[0];
        _foreign.Add(new MessageNumber(_number), part.Slice(1, length));
        part = part[(1 + length)..];
        return true;
    }

    private static long UnZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    private static bool TryTake(ref ReadOnlySpan<byte> part, out ulong value)
    {
        value = 0;
        for (var i = 0; i < part.Length && i < 10; i++)
        {
            value |= (ulong)(part[i] & 0x7F) << (7 * i);
            if (part[i] < 0x80)
            {
                part = part[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
