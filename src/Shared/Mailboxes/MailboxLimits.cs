namespace MailCluster.Shared.Mailboxes;

/// <summary>Where a limit was set; each level goes before those above it in this list.</summary>
public enum LimitLevel
{
    /// <summary>The node's configuration, for all tenants.</summary>
    Configuration,
    Tenant,
    Domain,
    Mailbox,
}

/// <summary>
/// What one level says about its mailboxes. Null: as the level above; <see cref="None"/>: none, whatever is above.
/// </summary>
/// <param name="StorageOctets">0 to <see cref="StorageOctetsMax"/>, over all messages as stored.</param>
/// <param name="WarningPercent">Of the storage, 1 to 100: from there on the mailbox gets a notice.</param>
/// <param name="RetentionDays">1 to <see cref="RetentionDaysMax"/>: older messages are removed.</param>
public sealed record MailboxLimits(long? StorageOctets, int? WarningPercent, int? RetentionDays)
{
    public const int None = -1;

    public const long StorageOctetsMax = 1L << 62;

    public const int RetentionDaysMax = 36_500;

    public static readonly MailboxLimits Inherited = new(null, null, null);
}

/// <summary>A limit in force and the level that it comes from.</summary>
/// <param name="Value">Null: none.</param>
public readonly record struct EffectiveLimit(long? Value, LimitLevel From);

/// <summary>
/// The limits of one mailbox after inheritance, each on its own: the most particular level that says something counts.
/// </summary>
public sealed record EffectiveLimits(EffectiveLimit Storage, EffectiveLimit Warning, EffectiveLimit Retention)
{
    /// <summary>The number of octets from which on a notice is due; null: never. At least 1.</summary>
    public long? WarningOctets { get; } = (Storage.Value, Warning.Value) switch
    {
        (> 0 and var storage, { } percent) => (long)(((Int128)storage * percent + 99) / 100),
        _ => null,
    };

    public static EffectiveLimits Of(
        MailboxLimits configuration, MailboxLimits tenant, MailboxLimits domain, MailboxLimits mailbox)
    {
        ReadOnlySpan<MailboxLimits> levels = [configuration, tenant, domain, mailbox];
        return new(
            MostParticular(levels, static level => level.StorageOctets),
            MostParticular(levels, static level => level.WarningPercent),
            MostParticular(levels, static level => level.RetentionDays));
    }

    /// <summary>Is there room for one more message?</summary>
    /// <param name="octets">As declared (RFC 1870 §4); 0: it was not said, and no message is empty.</param>
    public bool HasRoom(long used, long octets) =>
        Storage.Value is not { } storage || used <= storage - Math.Max(octets, 1);

    /// <summary>It would not fit into the empty mailbox either.</summary>
    public bool NeverFits(long octets) => !HasRoom(0, octets);

    private static EffectiveLimit MostParticular(ReadOnlySpan<MailboxLimits> levels, Func<MailboxLimits, long?> word)
    {
        for (var level = levels.Length - 1; level >= 0; level--)
        {
            if (word(levels[level]) is { } value)
            {
                return new(value == MailboxLimits.None ? null : value, (LimitLevel)level);
            }
        }

        return new(null, LimitLevel.Configuration);
    }
}
