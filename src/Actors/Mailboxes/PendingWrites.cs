using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The contributions of one instance, in the order of its turns. A unit with several mailboxes has its place in the
/// lane from the first of them, so it may end before one that this mailbox contributed earlier; what it did is
/// published only in the order of turns, or numbers and UIDs would appear out of order.
/// </summary>
internal sealed class PendingWrites
{
    private readonly List<PendingWrite> _writes = [];
    private int _head;

    public bool IsEmpty => _head == _writes.Count;

    /// <summary>A later write has ended before an earlier one.</summary>
    public bool IsOutOfOrder { get; private set; }

    public void Add(PendingWrite write) => _writes.Add(write);

    /// <summary>False: not one of this instance, or given up.</summary>
    public bool TryEnd(CommitUnit unit, CommitOutcome outcome)
    {
        for (var i = _head; i < _writes.Count; i++)
        {
            if (ReferenceEquals(_writes[i].Unit, unit))
            {
                _writes[i].Outcome = outcome;
                IsOutOfOrder |= i > _head;
                return true;
            }
        }

        return false;
    }

    /// <summary>The oldest, when it has ended.</summary>
    public bool TryTake(out PendingWrite write)
    {
        if (IsEmpty || _writes[_head].Outcome is null)
        {
            write = null!;
            IsOutOfOrder = IsOutOfOrder && AnyEnded();
            return false;
        }

        write = _writes[_head];
        _writes[_head++] = null!;
        if (_head == _writes.Count)
        {
            _writes.Clear();
            _head = 0;
        }
        else if (_head >= 256 && _head * 2 >= _writes.Count)
        {
            _writes.RemoveRange(0, _head);
            _head = 0;
        }

        return true;
    }

    /// <summary>Nobody knows whether these are written; their askers are told so.</summary>
    public void GiveUp(AskFailure why)
    {
        for (var i = _head; i < _writes.Count; i++)
        {
            _writes[i].Reply.Fail(why);
        }

        _writes.Clear();
        _head = 0;
        IsOutOfOrder = false;
    }

    private bool AnyEnded()
    {
        for (var i = _head; i < _writes.Count; i++)
        {
            if (_writes[i].Outcome is not null)
            {
                return true;
            }
        }

        return false;
    }
}

/// <param name="unit">What it is part of.</param>
/// <param name="event">Null: a removal with nothing left to remove, which ends after those that do remove.</param>
/// <param name="reply">Of a removal; goes nowhere for a delivery, whose acceptor waits for the unit.</param>
internal sealed class PendingWrite(CommitUnit unit, MailboxEvent? @event, ReplyTo<bool> reply)
{
    public CommitUnit Unit { get; } = unit;

    public MailboxEvent? Event { get; } = @event;

    public ReplyTo<bool> Reply { get; } = reply;

    /// <summary>Of a removal from a mailbox that has had its notice: with fewer octets the next one may come.</summary>
    public long? RearmBelow { get; init; }

    public bool IsNotice { get; init; }

    public CommitOutcome? Outcome { get; set; }
}
