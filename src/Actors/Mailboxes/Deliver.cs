using System.Collections.Immutable;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>What a mailbox's part in a delivery has come to.</summary>
internal enum DeliveryJoin
{
    /// <summary>The delivery was given up, or the lane is full: nothing of it will be written.</summary>
    Over,

    /// <summary>
    /// Joined; the next mailbox has it now. Until it is placed, this one must contribute to nothing else.
    /// </summary>
    Held,

    /// <summary>Joined, as the last: the unit stands in the lane.</summary>
    Placed,
}

/// <summary>A mailbox that takes part in deliveries.</summary>
internal interface IDeliveryParticipant : ICommitParticipant
{
    /// <summary>The delivery that it holds stands in the lane. On any thread.</summary>
    void Placed(Deliver delivery);
}

/// <summary>
/// A message for one or several mailboxes: one unit, all or nothing. It goes from mailbox to mailbox in ascending
/// order; each takes its numbers and holds back other writes until the last one puts the whole unit into the lane. So
/// every mailbox's writes stand in the lane in the order of its numbers (the store takes no others), the lane never
/// waits for a mailbox, and because all go up the same order nobody waits in a circle.
/// </summary>
internal sealed class Deliver : MailboxMessage.Request, ICommitParticipant
{
    private readonly Lock _gate = new();
    private readonly MailboxRegion _region;
    private readonly ImmutableArray<MailboxId> _mailboxes;
    private readonly StoreOperation[] _operations;
    private readonly IDeliveryParticipant[] _participants;
    private int _joined;
    private int _refusal;
    private bool _isOver;
    private bool _isElsewhere;

    /// <param name="mailboxes">At least one, strictly ascending.</param>
    /// <param name="first">Where the message comes from: its body, or its row in the spool.</param>
    /// <param name="more">What is to be written with it.</param>
    public Deliver(
        MailboxRegion region,
        ImmutableArray<MailboxId> mailboxes,
        StoreOperation first,
        MailboxCommand.Deliver command,
        params ReadOnlySpan<StoreOperation> more)
    {
        _region = region;
        _mailboxes = mailboxes;
        _operations = new StoreOperation[mailboxes.Length];
        _participants = new IDeliveryParticipant[mailboxes.Length];
        Unit = new CommitUnit(1, [first, .. more]);
        Command = command;
    }

    public CommitUnit Unit { get; }

    public MailboxCommand.Deliver Command { get; }

    public bool IsShared => _mailboxes.Length > 1;

    /// <summary>Why a mailbox did not take it. Read after the unit has ended.</summary>
    public MailboxRefusal Refusal => (MailboxRefusal)Volatile.Read(ref _refusal);

    /// <summary>A mailbox's home is not this node any more. Read after the unit has ended.</summary>
    public bool IsElsewhere => Volatile.Read(ref _isElsewhere);

    public void Begin() => _region.Tell(_mailboxes[0], this);

    /// <summary>By each mailbox in its turn.</summary>
    public DeliveryJoin Join(IDeliveryParticipant participant, StoreOperation operation)
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return DeliveryJoin.Over;
            }

            _operations[_joined] = operation;
            _participants[_joined++] = participant;
            if (_joined < _participants.Length)
            {
                return DeliveryJoin.Held;
            }

            // Under the lock: who gives the delivery up and finds it over must find it in the lane.
            var isPlaced = Unit.Contribute(_region.Committer, IsShared ? this : participant, _operations);
            _isOver = true;
            if (isPlaced)
            {
                return DeliveryJoin.Placed;
            }
        }

        EndFor(_joined - 1, CommitOutcome.LaneFull);
        return DeliveryJoin.Over;
    }

    /// <summary>After <see cref="Join"/>, in the same turn: hands it on, or tells those who hold it.</summary>
    public void Continue(DeliveryJoin join)
    {
        if (join == DeliveryJoin.Held)
        {
            _region.Tell(_mailboxes[_joined], this);
        }
        else if (join == DeliveryJoin.Placed)
        {
            for (var i = 0; i < _participants.Length - 1; i++)
            {
                _participants[i].Placed(this);
            }
        }
    }

    /// <summary>
    /// Nothing when it stands in the lane already; else it is refused, and those who joined are told. Any thread.
    /// </summary>
    public bool TryGiveUp(MailboxRefusal refusal = MailboxRefusal.None)
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return false;
            }

            Volatile.Write(ref _refusal, (int)refusal);
            _isOver = true;
        }

        Unit.Withdraw(_region.Committer);
        EndFor(_joined, CommitOutcome.Refused);
        return true;
    }

    /// <summary>The unit's one participant is the delivery: it tells all mailboxes.</summary>
    public void Ended(CommitUnit unit, CommitOutcome outcome) => EndFor(_participants.Length, outcome);

    public override void Undelivered(AskFailure why)
    {
        if (why == AskFailure.NotHere)
        {
            Volatile.Write(ref _isElsewhere, true);
        }

        TryGiveUp();
    }

    public override void Missing() => TryGiveUp();

    private void EndFor(int participants, CommitOutcome outcome)
    {
        for (var i = 0; i < participants; i++)
        {
            _participants[i].Ended(Unit, outcome);
        }
    }
}
