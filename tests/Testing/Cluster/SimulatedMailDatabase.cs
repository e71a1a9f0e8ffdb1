using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// A database in virtual time that is as strict as the real one: numbers, UIDs and MODSEQs must rise in the order of
/// commits, a removal must find its rows. It fails, is full and throws when told to. One process or several nodes
/// write to it, each through a lane of its own.
/// </summary>
public sealed class SimulatedMailDatabase(SeededScheduler scheduler) : IMailboxStore, IBodyStore
{
    private readonly Dictionary<MailboxId, SimulatedBox> _boxes = [];
    private readonly List<(BodyId Body, MailboxId Mailbox)> _inserted = [];
    private readonly HashSet<BodyId> _bodies = [];
    private readonly List<SimulatedLane> _lanes = [];
    private SimulatedLane? _lane;
    private long _nextBody = 1;

    /// <summary>Zero: commits are drawn among the turns of the actors.</summary>
    public TimeSpan CommitTime { get; set; } = TimeSpan.FromMilliseconds(2);

    public TimeSpan LoadTime { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Loads of these take so long, instead of <see cref="LoadTime"/>.</summary>
    public Dictionary<MailboxId, TimeSpan> SlowLoads { get; } = [];

    /// <summary>Nobody can look for bodies.</summary>
    public bool IsUnreadable { get; set; }

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

    public IReadOnlyList<SimulatedRow> Rows(MailboxId mailbox) =>
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
        var box = new SimulatedBox();
        foreach (var message in messages)
        {
            box.Rows.Add(new SimulatedRow(
                message.Number.Value, box.UidNext++, message.Body, message.Octets, message.WireOctets));
            box.LastNumber = message.Number.Value;
            box.ModSeq++;
        }

        _boxes.Add(mailbox, box);
    }

    public void Remove(MailboxId mailbox) => _boxes.Remove(mailbox);

    /// <summary>
    /// Whether this node may write for this shard under this epoch; null: there is one node and no fence.
    /// </summary>
    public Func<NodePeer, ShardEpoch, bool>? Fence { get; set; }

    /// <summary>Units of which a shard was not the node's any more.</summary>
    public int FencedOff { get; internal set; }

    public void Resume()
    {
        IsHeld = false;
        _lanes.ForEach(lane => lane.Schedule());
    }

    /// <summary>Of the only process there is; after a crash it writes nothing any more.</summary>
    public ICommitter NewCommitter() => _lane ??= NewLane(default);

    /// <summary>Of one start of a node.</summary>
    public SimulatedLane NewLane(NodePeer node)
    {
        var lane = new SimulatedLane(this, scheduler, node);
        _lanes.Add(lane);
        return lane;
    }

    /// <summary>The only process there is ends now.</summary>
    /// <param name="durable">As of <see cref="SimulatedLane.Crash"/>.</param>
    public void Crash(int durable)
    {
        _lane?.Crash(durable);
        _lane = null;
    }

    internal void Forget(SimulatedLane lane) => _lanes.Remove(lane);

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

    public async ValueTask<bool> ExistsAsync(BodyId body, CancellationToken cancellationToken)
    {
        await Task.Delay(LoadTime, scheduler.Time, cancellationToken);
        return IsUnreadable ? throw new StoreUnavailableException("Reads fail.") : _bodies.Contains(body);
    }

    public ValueTask<int> ReadMessageAsync(
        MailboxId mailbox,
        MessageNumber number,
        BodyId body,
        Memory<byte> destination,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>False: the place is refused. Throws as a turn that breaks.</summary>
    internal bool TakesPlace(CommitUnit unit)
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

        return true;
    }

    internal bool TryWrite(CommitUnit unit)
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
        StoreOperation.InsertBody body when _bodies.Contains(body.Body) => "body committed before",
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
            case StoreOperation.InsertBody body:
                _bodies.Add(body.Body);
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
}
