using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Testing.Cluster;

/// <summary>A message as committed.</summary>
public sealed record SimulatedRow(
    long Number, uint Uid, BodyId Body, uint Octets, uint WireOctets, DateTimeOffset Date = default,
    string? ForeignUniqueId = null, MessageAttributes Flags = MessageAttributes.None);

/// <summary>A mailbox as committed, as strict as the tables.</summary>
internal sealed class SimulatedBox
{
    public List<SimulatedRow> Rows { get; } = [];

    public HashSet<string> Marks { get; } = [];

    public HashSet<string> ForeignUniqueIds { get; } = [];

    public List<long> Given { get; } = [];

    public List<long> Removed { get; } = [];

    public List<(long Octets, bool IsNotice)> Sizes { get; } = [];

    public bool IsWarned { get; private set; }

    public long LastNumber { get; set; }

    public long ModSeq { get; set; }

    public uint UidNext { get; set; } = 1;

    public string? Fault(StoreOperation.InsertMessage message) =>
        message.Number.Value <= LastNumber || message.Uid.Value < UidNext || message.ModSeq.Value <= ModSeq
            || (message.ForeignUniqueId is { } foreign && ForeignUniqueIds.Contains(foreign))
            ? "given before"
            : null;

    public string? Fault(StoreOperation.DeleteMessages delete) =>
        delete.ModSeq.Value <= ModSeq ? "MODSEQ given before"
        : Numbers(delete).IsSubsetOf(Rows.Select(row => row.Number)) ? null
        : "not there";

    public void Insert(StoreOperation.InsertMessage message)
    {
        Rows.Add(new SimulatedRow(
            message.Number.Value, message.Uid.Value, message.Body, message.Octets, message.WireOctets,
            message.InternalDate, message.ForeignUniqueId, message.Flags));
        Sizes.Add((Octets(), false));
        if (message.ForeignUniqueId is { } foreign)
        {
            ForeignUniqueIds.Add(foreign);
        }

        Given.Add(message.Number.Value);
        LastNumber = message.Number.Value;
        ModSeq = message.ModSeq.Value;
        UidNext = message.Uid.Value + 1;
    }

    public void Delete(StoreOperation.DeleteMessages delete)
    {
        var numbers = Numbers(delete);
        Rows.RemoveAll(row => numbers.Contains(row.Number));
        Removed.AddRange(delete.Numbers.Select(number => number.Value));
        ModSeq = delete.ModSeq.Value;
        Sizes.Add((Octets(), false));
    }

    // In one unit with the notice, behind it.
    public void MarkWarned()
    {
        IsWarned = true;
        Sizes[^1] = (Sizes[^1].Octets, true);
    }

    public void Rearm(long below) => IsWarned &= Octets() >= below;

    private static HashSet<long> Numbers(StoreOperation.DeleteMessages delete) =>
        [.. delete.Numbers.Select(number => number.Value)];

    private long Octets() => Rows.Sum(row => (long)row.Octets);

    public MailboxImage Image(MailboxId mailbox)
    {
        var foreign = new ForeignUniqueIds.Builder();
        foreach (var row in Rows.Where(row => row.ForeignUniqueId is not null))
        {
            foreign.Add(new MessageNumber(row.Number), row.ForeignUniqueId!);
        }

        return PlainImage(mailbox) with
        {
            ForeignUniqueIds = foreign.Build(),
            TakenNumbers =
                [.. ForeignUniqueIds.Select(text => ForeignUniqueId.AsNumber(text)).OfType<MessageNumber>()],
        };
    }

    private MailboxImage PlainImage(MailboxId mailbox) => new(
        mailbox,
        new TenantId(1),
        new MessageNumber(LastNumber),
        new ModSeq(ModSeq),
        [new FolderImage(FolderId.Inbox, "INBOX", new UidValidity(1), new Uid(UidNext), new ModSeq(ModSeq))],
        [.. Rows.Select(row =>
            new MessageEntry(new MessageNumber(row.Number), row.Body, row.Octets, row.WireOctets))],
        IsWarned: IsWarned);
}
