using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Options;

/// <summary>How the sender hears that a mailbox is full.</summary>
public enum OverQuotaReply
{
    /// <summary>452 4.2.2: it tries again.</summary>
    Temporary,

    /// <summary>552 5.2.2: it gives up.</summary>
    Permanent,
}

/// <summary>For mailboxes of which neither they nor their domain or tenant say otherwise.</summary>
public sealed record StorageQuotaOptions(
    MailboxLimits Preset, OverQuotaReply OverQuotaReply, TimeSpan RetentionSweepInterval)
{
    internal static StorageQuotaOptions Read(OptionReader reader) => new(
        new(
            reader.SizeLimit("StorageOctets", null, 0, MailboxLimits.StorageOctetsMax,
                "What a mailbox may hold; a full one is refused at RCPT, and what was accepted is delivered. null: no bound. "
                    + "\"mailcluster quota set\" sets it for a tenant, a domain or a mailbox.")
                ?? MailboxLimits.None,
            reader.Limit("WarningPercent", 90, 1, 100,
                "From this part of the quota on a mailbox gets a notice, once until it has fallen below. null: no notices.")
                ?? MailboxLimits.None,
            reader.Limit("RetentionDays", null, 1, MailboxLimits.RetentionDaysMax,
                "Messages that came before so many days are removed. null: everything is kept; mail that went cannot be got back.")
                ?? MailboxLimits.None),
        reader.Choice("OverQuotaReply", OverQuotaReply.Temporary,
            "Temporary: 452 4.2.2, so that the sender tries again while the user makes room. Permanent: 552 5.2.2, so that the "
                + "sender knows at once. A message greater than the whole quota is always 552 5.2.2 (RFC 1870 §6.4)."),
        reader.Duration("RetentionSweepInterval", TimeSpan.FromHours(1), TimeSpan.FromSeconds(1), TimeSpan.FromDays(7),
            "How often messages are looked for that are too old: retention counts in days, so an hour is soon enough."));
}
