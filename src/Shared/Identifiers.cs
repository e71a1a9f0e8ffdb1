namespace MailCluster.Shared;

/// <summary>One customer of the hoster; nothing of one tenant is visible to another (I9).</summary>
public readonly record struct TenantId(long Value);

/// <summary>A mail domain of a tenant.</summary>
public readonly record struct DomainId(long Value);

/// <summary>
/// A user's account. It owns exactly one mailbox, and both carry the same number. The upper 15 bits are the cell
/// (0 until there is more than one database), the lower 48 the number within it.
/// </summary>
public readonly record struct AccountId(long Value)
{
    public MailboxId Mailbox => new(Value);
}

/// <summary>The mailbox of an account with all its folders: one actor, one shard, one writer (I3).</summary>
public readonly record struct MailboxId(long Value)
{
    public const int CellShift = 48;

    /// <summary>Of each cell.</summary>
    public const int Shards = 1 << ShardBits;

    private const int ShardBits = 10;

    public int Cell => (int)(Value >> CellShift);

    /// <summary>
    /// 0 to <see cref="Shards"/> - 1, the same in every process and version, since it is stored: the upper bits of the
    /// number times 2^64 divided by the golden ratio, which spreads numbers that were given one after the other.
    /// </summary>
    public int Shard => (int)(unchecked((ulong)Value * 0x9E3779B97F4A7C15) >> (64 - ShardBits));
}

/// <summary>A folder of one mailbox; <see cref="Inbox"/> exists from the first day of the mailbox.</summary>
public readonly record struct FolderId(int Value)
{
    public static readonly FolderId Inbox = new(1);
}

/// <summary>
/// 63-bit, per mailbox, strictly increasing, never reused: the POP3 unique-id (STANXPOP3-C0007, C0008).
/// A new one is max(last + 1, microseconds since 2020-01-01), so that even a restored mailbox never gives an old one
/// again.
/// </summary>
public readonly record struct MessageNumber(long Value) : IComparable<MessageNumber>
{
    /// <summary>
    /// No lower number is given, whatever the clock says (it is a time of March 2023): the small decimal numbers that
    /// other servers use as unique-ids can be kept beside ours.
    /// </summary>
    public const long First = 100_000_000_000_000;

    private static readonly DateTimeOffset Epoch = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static MessageNumber After(MessageNumber last, DateTimeOffset now) =>
        new(Math.Max(Math.Max(last.Value + 1, First), (now - Epoch).Ticks / TimeSpan.TicksPerMicrosecond));

    public int CompareTo(MessageNumber other) => Value.CompareTo(other.Value);
}

/// <summary>32-bit, per folder, strictly increasing (RFC 9051 §2.3.1.1).</summary>
public readonly record struct Uid(uint Value);

/// <summary>From a counter of the mailbox that outlives its folders (RFC 9051 §2.3.1.1).</summary>
public readonly record struct UidValidity(uint Value);

/// <summary>63-bit, per mailbox (RFC 7162 §3.1.1).</summary>
public readonly record struct ModSeq(long Value);

/// <summary>The immutable octets of one message, stored once per message and cell.</summary>
public readonly record struct BodyId(long Value);

/// <summary>One recipient's copy of a message on its way to the mailbox; rises with the time of acceptance.</summary>
public readonly record struct SpoolId(long Value);

/// <summary>
/// The address block that limits count by: one IPv4 address, or the /64 of an IPv6 address, which is one customer's
/// network (RFC 6177 §2). An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is the IPv4 address.
/// </summary>
/// <param name="Value">IPv4: the address in the low 32 bits, else 0. IPv6: the upper 64 bits of the address.</param>
public readonly record struct SourceKey(bool IsIPv6, ulong Value)
{
    private static ReadOnlySpan<byte> Mapped => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];

    /// <param name="octets">4 or 16, in network order.</param>
    public static SourceKey Of(ReadOnlySpan<byte> octets)
    {
        if (octets.Length == 16 && octets[..12].SequenceEqual(Mapped))
        {
            octets = octets[12..];
        }

        return octets.Length switch
        {
            4 => new(false, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(octets)),
            16 => new(true, System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(octets)),
            _ => throw new ArgumentException("An address has 4 or 16 octets.", nameof(octets)),
        };
    }
}
