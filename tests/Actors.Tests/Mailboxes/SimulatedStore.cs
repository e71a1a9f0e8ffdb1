using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>
/// A store in virtual time that is as strict as the real one: numbers, UIDs and MODSEQs must rise in the order of
/// commits, a removal must find its rows. It fails, is full and throws when told to.
/// </summary>
internal sealed class SimulatedStore(SeededScheduler scheduler) : IMailboxStore, IBodyStore
{
    private readonly Dictionary<MailboxId, Box> _boxes = [];
    private readonly List<(BodyId Body, MailboxId Mailbox)> _inserted = [];
    private readonly Queue<CommitUnit> _lane = new();
    private bool _scheduled;
    private long _nextBody = 1;
    private int _incarnation;

    /// <summary>Zero: commits are drawn among the turns of the actors.</summary>
    public TimeSpan CommitTime { get; set; } = TimeSpan.FromMilliseconds(2);

    public TimeSpan LoadTime { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Loads of these take so long, instead of <see cref="LoadTime"/>.</summary>
    public Dictionary<MailboxId, TimeSpan> SlowLoads { get; } = [];

    /// <summary>Loads of these fail.</summary>
    public HashSet<MailboxId> Unreadable { get; } = [];

    /// <summary>Turns of these throw when they contribute.</summary>
    public HashSet<MailboxId> Breaking { get; } = [];

    /// <summary>How commits that fail do.</summary>
    public CommitOutcome Failure { get; set; } = CommitOutcome.StoreFailed;

    public SimulatedSpool Spool { get; } = new(scheduler);

    /// <summary>The next commits, each with all its units, fail.</summary>
    public int CommitsToFail { get; set; }

    public int LoadsToFail { get; set; }

    /// <summary>The next places in the lane that are refused.</summary>
    public int PlacesToRefuse { get; set; }

    /// <summary>The next contributions that throw in the turn that makes them.</summary>
    public int TurnsToBreak { get; set; }

    /// <summary>Commits wait until this is false and <see cref="Resume"/> is called.</summary>
    public bool IsHeld { get; set; }

    public int Loads { get; private set; }

    /// <summary>
    /// Units that were refused for their own fault: what an actor in its right state never contributes.
    /// </summary>
    public List<string> Refusals { get; } = [];

    public List<CommitUnit> Ended { get; } = [];

    public IReadOnlyList<Row> Rows(MailboxId mailbox) =>
        _boxes.TryGetValue(mailbox, out var box) ? box.Rows : [];

    /// <summary>Every number that was ever committed, in the order of commits.</summary>
    public IReadOnlyList<long> Given(MailboxId mailbox) => _boxes[mailbox].Given;

    /// <summary>Octets after each commit of a row or removal, and whether that was a notice.</summary>
    public IReadOnlyList<(long Octets, bool IsNotice)> Sizes(MailboxId mailbox) => _boxes[mailbox].Sizes;

    public bool IsWarned(MailboxId mailbox) => _boxes[mailbox].IsWarned;

    public IReadOnlyList<long> Removed(MailboxId mailbox) => _boxes[mailbox].Removed;

    /// <summary>Where this body was put, once per commit of a row.</summary>
    public IEnumerable<MailboxId> Committed(BodyId body) =>
        _inserted.Where(inserted => inserted.Body == body).Select(inserted => inserted.Mailbox);

    public void Add(MailboxId mailbox, params ReadOnlySpan<MessageEntry> messages)
    {
        var box = new Box();
        foreach (var message in messages)
        {
            box.Rows.Add(new Row(
                message.Number.Value, box.UidNext++, message.Body, message.Octets, message.WireOctets));
            box.LastNumber = message.Number.Value;
            box.ModSeq++;
        }

        _boxes.Add(mailbox, box);
    }

    public void Remove(MailboxId mailbox) => _boxes.Remove(mailbox);

    public void Resume()
    {
        IsHeld = false;
        Schedule();
    }

    /// <summary>For one process; after a crash it writes nothing any more.</summary>
    public ICommitter NewCommitter() => new Committer(this, _incarnation);

    /// <summary>
    /// The process ends now: what is in the lane is durable up to some place and lost from there on, and nobody hears
    /// of either.
    /// </summary>
    public void Crash(int durable)
    {
        _incarnation++;
        for (; durable > 0 && _lane.TryPeek(out var head) && head.IsComplete; durable--)
        {
            if (!_lane.Dequeue().IsRefused)
            {
                TryWrite(head);
            }
        }

        _lane.Clear();
    }

    private bool TryEnqueue(CommitUnit unit)
    {
        if (unit.Operations.OfType<StoreOperation.InsertMessage>().Any(row => Breaking.Contains(row.Mailbox)))
        {
            throw new InvalidOperationException("Its turns break.");
        }

        // The spool's own writes are made in no mailbox's turn.
        var isOfTurn = !unit.Operations.Any(
            operation => operation is StoreOperation.InsertSpool or StoreOperation.DeferSpooled);
        if (TurnsToBreak > 0 && isOfTurn)
        {
            TurnsToBreak--;
            throw new InvalidOperationException("A turn breaks.");
        }

        if (PlacesToRefuse > 0)
        {
            PlacesToRefuse--;
            return false;
        }

        _lane.Enqueue(unit);
        return true;
    }

    public ValueTask<ImportStanding> FindImportAsync(
        MailboxId mailbox, string key, string? foreignUniqueId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            _boxes[mailbox].Marks.Contains(key) ? ImportStanding.Imported
            : foreignUniqueId is not null && _boxes[mailbox].ForeignUniqueIds.Contains(foreignUniqueId)
                ? ImportStanding.UniqueIdTaken
                : ImportStanding.New);

    public async ValueTask<MailboxImage?> LoadAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        Loads++;
        await Task.Delay(SlowLoads.GetValueOrDefault(mailbox, LoadTime), scheduler.Time, cancellationToken);
        if (LoadsToFail > 0 || Unreadable.Contains(mailbox))
        {
            LoadsToFail = Math.Max(LoadsToFail - 1, 0);
            throw new StoreUnavailableException("Loads fail.");
        }

        // Read now, told later: what commits in between is not in it.
        var image = _boxes.TryGetValue(mailbox, out var box) ? box.Image(mailbox) : null;
        await Task.Delay(LoadTime, scheduler.Time, cancellationToken);
        return image;
    }

    public BodyId NextId() => new(_nextBody++);

    public ValueTask<int> ReadAsync(
        BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<int> ReadMessageAsync(
        MailboxId mailbox,
        MessageNumber number,
        BodyId body,
        Memory<byte> destination,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    private void Schedule()
    {
        if (!_scheduled && !IsHeld)
        {
            _scheduled = true;
            if (CommitTime > TimeSpan.Zero)
            {
                scheduler.PostAfter(CommitTime, CommitHead);
            }
            else
            {
                // Among the turns that can run now: time goes on only when none can.
                scheduler.Post(CommitHead);
            }
        }
    }

    private void CommitHead()
    {
        _scheduled = false;
        if (IsHeld)
        {
            return;
        }

        List<CommitUnit> batch = [];
        while (_lane.TryPeek(out var head) && head.IsComplete)
        {
            batch.Add(_lane.Dequeue());
        }

        if (batch.Count == 0)
        {
            return;
        }

        if (CommitsToFail > 0)
        {
            CommitsToFail--;
            End(batch, Failure);
            return;
        }

        // As the real writer: those refused are told before those committed.
        var refused = batch.Where(unit => unit.IsRefused || !TryWrite(unit)).ToList();
        End(refused, CommitOutcome.Refused);
        End([.. batch.Except(refused)], CommitOutcome.Committed);
    }

    private void End(List<CommitUnit> units, CommitOutcome outcome)
    {
        foreach (var unit in units)
        {
            Ended.Add(unit);
            unit.End(outcome);
        }
    }

    private bool TryWrite(CommitUnit unit)
    {
        // All or nothing: looked at first, done after.
        foreach (var operation in unit.Operations)
        {
            if (Fault(operation) is { } fault)
            {
                Refusals.Add(fault);
                return false;
            }
        }

        foreach (var operation in unit.Operations)
        {
            Write(operation);
        }

        return true;
    }

    private string? Fault(StoreOperation operation) => operation switch
    {
        StoreOperation.RecordImport import when _boxes[import.Mailbox].Marks.Contains(import.Key) => "imported before",
        StoreOperation.InsertMessage message when !_boxes.ContainsKey(message.Mailbox) => "no such mailbox",
        StoreOperation.InsertMessage message => _boxes[message.Mailbox].Fault(message),
        StoreOperation.DeleteMessages delete when !_boxes.ContainsKey(delete.Mailbox) => "no such mailbox",
        StoreOperation.DeleteMessages delete => _boxes[delete.Mailbox].Fault(delete),
        StoreOperation.TakeSpooled taken when !Spool.Rows.ContainsKey(taken.Id) => "no such row",
        _ => null,
    };

    private void Write(StoreOperation operation)
    {
        switch (operation)
        {
            case StoreOperation.InsertMessage message:
                _boxes[message.Mailbox].Insert(message);
                _inserted.Add((message.Body, message.Mailbox));
                break;
            case StoreOperation.DeleteMessages delete:
                _boxes[delete.Mailbox].Delete(delete);
                break;
            case StoreOperation.RecordImport import:
                _boxes[import.Mailbox].Marks.Add(import.Key);
                break;
            case StoreOperation.MarkWarned mark:
                _boxes[mark.Mailbox].MarkWarned();
                break;
            case StoreOperation.RearmWarning rearm:
                _boxes[rearm.Mailbox].Rearm(rearm.Below);
                break;
            default:
                Spool.Write(operation);
                break;
        }
    }

    private sealed class Committer(SimulatedStore store, int incarnation) : ICommitter
    {
        public bool TryEnqueue(CommitUnit unit) => store._incarnation == incarnation && store.TryEnqueue(unit);

        public void Completed(CommitUnit unit) => store.Schedule();
    }

    internal sealed record Row(
        long Number, uint Uid, BodyId Body, uint Octets, uint WireOctets, DateTimeOffset Date = default,
        string? ForeignUniqueId = null);

    private sealed class Box
    {
        public List<Row> Rows { get; } = [];

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
            : delete.Numbers.All(number => Rows.Exists(row => row.Number == number.Value)) ? null
            : "not there";

        public void Insert(StoreOperation.InsertMessage message)
        {
            Rows.Add(new Row(
                message.Number.Value, message.Uid.Value, message.Body, message.Octets, message.WireOctets,
                message.InternalDate, message.ForeignUniqueId));
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
            Rows.RemoveAll(row => delete.Numbers.Any(number => number.Value == row.Number));
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
}
