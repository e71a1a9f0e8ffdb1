using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Simulation.Store;

/// <summary>What is committed of mail: mailboxes, the spool, and the tokens of commits.</summary>
internal sealed class MailRows
{
    private readonly SortedDictionary<long, Box> _boxes = [];
    private readonly SortedDictionary<long, SpoolRow> _spool = [];
    private readonly HashSet<long> _tokens = [];
    private readonly HashSet<long> _bodies = [];
    private int _taken;

    /// <summary>A planted bug: every so many rows that are taken stay. 0: none.</summary>
    public int KeepsEvery { get; init; }

    /// <summary>A planted bug: a body is taken again.</summary>
    public bool TakesBodiesAgain { get; init; }

    public long SpoolCount => _spool.Count;

    public void Add(MailboxId mailbox) => _boxes.Add(mailbox.Value, new Box());

    public bool HasBody(BodyId body) => _bodies.Contains(body.Value);

    public bool HasToken(long token) => _tokens.Contains(token);

    /// <summary>Null: it can be written behind the units before it.</summary>
    public string? Fault(CommitUnit unit, IEnumerable<CommitUnit> before)
    {
        // Rare enough to be done the plain way: what the transaction has written so far is looked through.
        var written = before.SelectMany(earlier => earlier.Operations).ToList();
        foreach (var operation in unit.Operations)
        {
            if (Fault(operation, written) is { } fault)
            {
                return fault;
            }

            written.Add(operation);
        }

        return null;
    }

    public void Write(long token, IEnumerable<CommitUnit> units)
    {
        _tokens.Add(token);
        foreach (var operation in units.SelectMany(unit => unit.Operations))
        {
            switch (operation)
            {
                case StoreOperation.InsertBody body:
                    _bodies.Add(body.Body.Value);
                    break;
                case StoreOperation.InsertMessage message:
                    _boxes[message.Mailbox.Value].Insert(message);
                    break;
                case StoreOperation.DeleteMessages delete:
                    _boxes[delete.Mailbox.Value].Delete(delete);
                    break;
                case StoreOperation.InsertSpool inserted:
                    _spool.Add(inserted.Row.Id.Value, inserted.Row);
                    break;
                case StoreOperation.TakeSpooled taken:
                    if (KeepsEvery == 0 || ++_taken % KeepsEvery != 0)
                    {
                        _spool.Remove(taken.Id.Value);
                    }

                    break;
                case StoreOperation.DeferSpooled deferred when _spool.TryGetValue(deferred.Id.Value, out var row):
                    _spool[row.Id.Value] = row with
                    {
                        Attempts = deferred.Attempts,
                        NextAttempt = deferred.NextAttempt,
                        LastError = deferred.LastError,
                    };
                    break;
            }
        }
    }

    public MailboxImage? Load(MailboxId mailbox) =>
        _boxes.TryGetValue(mailbox.Value, out var box) ? box.Image(mailbox) : null;

    public SpoolMailboxes Due(MailboxId? from, DateTimeOffset now, int limit)
    {
        var waiting = _spool.Values.GroupBy(row => row.Mailbox)
            .Where(group => from is null || Order(group.Key).CompareTo(Order(from.Value)) >= 0)
            .OrderBy(group => Order(group.Key)).ToList();
        return new(
            [
                .. waiting.Take(limit).Where(group => group.Any(row => row.NextAttempt <= now))
                    .Select(group => group.Key),
            ],
            waiting.Count > limit ? waiting[limit].Key : null);
    }

    public ImmutableArray<SpoolRow> Due(MailboxId mailbox, DateTimeOffset until, int limit) =>
    [
        .. _spool.Values.Where(row => row.Mailbox == mailbox && row.NextAttempt <= until)
            .OrderBy(row => row.NextAttempt).Take(limit),
    ];

    public DateTimeOffset? OldestSpooled() => _spool.Values.FirstOrDefault(row => !row.IsParked)?.Queued;

    private static (int Shard, long Number) Order(MailboxId mailbox) => (mailbox.Shard, mailbox.Value);

    private string? Fault(StoreOperation operation, List<StoreOperation> written)
    {
        switch (operation)
        {
            case StoreOperation.InsertMessage { Mailbox: var mailbox } insert:
                var last = written.OfType<StoreOperation.InsertMessage>()
                    .LastOrDefault(earlier => earlier.Mailbox == mailbox);
                return !_boxes.TryGetValue(mailbox.Value, out var box) ? "no such mailbox"
                    : insert.Number.Value <= (last?.Number.Value ?? box.LastNumber) ? "number given before"
                    : insert.Uid.Value <= (last?.Uid.Value ?? box.LastUid) ? "UID given before"
                    : insert.ModSeq.Value <= (last?.ModSeq.Value ?? box.ModSeq) ? "MODSEQ given before"
                    : null;
            case StoreOperation.InsertBody body:
                return _bodies.Contains(body.Body.Value) && !TakesBodiesAgain ? "body committed before" : null;
            case StoreOperation.DeleteMessages delete:
                // Nothing removes what the same transaction adds: clients have not seen it.
                var gone = written.OfType<StoreOperation.DeleteMessages>()
                    .Where(earlier => earlier.Mailbox == delete.Mailbox).SelectMany(earlier => earlier.Numbers);
                return delete.Numbers.Except(gone).Count(number => _boxes[delete.Mailbox.Value].Has(number))
                    == delete.Numbers.Length ? null : "not there";
            case StoreOperation.TakeSpooled taken:
                return _spool.ContainsKey(taken.Id.Value)
                    && !written.OfType<StoreOperation.TakeSpooled>().Any(earlier => earlier.Id == taken.Id)
                    ? null : "no such row";
            default:
                return null;
        }
    }

    private sealed class Box
    {
        private readonly List<MessageEntry> _rows = [];

        public long LastNumber { get; private set; }

        public uint LastUid { get; private set; }

        public long ModSeq { get; private set; }

        public bool Has(MessageNumber number) => _rows.Exists(row => row.Number == number);

        public void Insert(StoreOperation.InsertMessage message)
        {
            _rows.Add(new MessageEntry(message.Number, message.Body, message.Octets, message.WireOctets));
            LastNumber = message.Number.Value;
            LastUid = message.Uid.Value;
            ModSeq = message.ModSeq.Value;
        }

        public void Delete(StoreOperation.DeleteMessages delete)
        {
            _rows.RemoveAll(row => delete.Numbers.Contains(row.Number));
            ModSeq = delete.ModSeq.Value;
        }

        public MailboxImage Image(MailboxId mailbox) => new(
            mailbox,
            new TenantId(1),
            new MessageNumber(LastNumber),
            new ModSeq(ModSeq),
            [new FolderImage(FolderId.Inbox, "INBOX", new UidValidity(1), new Uid(LastUid + 1), new ModSeq(ModSeq))],
            [.. _rows]);
    }
}
