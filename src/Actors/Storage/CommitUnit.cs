using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Storage;

/// <summary>How a unit ended.</summary>
public enum CommitOutcome
{
    /// <summary>Durable: it survives power loss.</summary>
    Committed,

    /// <summary>Its own fault: a row was not there, a count did not match. Never retried.</summary>
    Refused,

    /// <summary>The lane was at its bound; nothing was written (451 4.3.0).</summary>
    LaneFull,

    /// <summary>The store failed or the epoch was lost; nothing was written.</summary>
    StoreFailed,

    /// <summary>The disk is full; nothing was written (452 4.3.1).</summary>
    OutOfSpace,
}

/// <summary>
/// Is told the end of a unit, on the committer's thread: hand over (a tell) and return.
/// </summary>
public interface ICommitParticipant
{
    void Ended(CommitUnit unit, CommitOutcome outcome);
}

/// <summary>
/// All-or-nothing group of operations from one or several actors. It takes its place in the lane with the first
/// contribution, so that each mailbox's writes commit in the order of its turns; it may commit when the last one is in.
/// Contributors never wait for each other, so a place at the head of the lane is always filled soon.
/// </summary>
public sealed class CommitUnit
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<CommitOutcome> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<StoreOperation> _operations;
    private readonly List<ICommitParticipant> _participants;
    private readonly List<ShardEpoch> _guards = [];
    private readonly int _contributors;
    private int _contributed;
    private bool _placed;
    private bool _refused;
    private bool _ended;

    /// <param name="contributors">
    /// How many calls of <see cref="Contribute"/> or <see cref="Withdraw"/> make it complete; at least 1.
    /// </param>
    /// <param name="first">Operations that stand before those of the contributors, such as the body.</param>
    public CommitUnit(int contributors, params ReadOnlySpan<StoreOperation> first)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contributors, 1);
        _contributors = contributors;
        _operations = new List<StoreOperation>(contributors + first.Length);
        _operations.AddRange(first);
        _participants = new List<ICommitParticipant>(contributors);
        foreach (var operation in first)
        {
            Weight += operation.Weight;
        }
    }

    public Task<CommitOutcome> Completion => _completion.Task;

    /// <summary>Octets that count against the lane's bound.</summary>
    public long Weight { get; private set; }

    /// <summary>
    /// True: the only contribution is its first, so that <see cref="ICommitter.TryEnqueue"/> sees all of it.
    /// </summary>
    public bool HasOneContributor => _contributors == 1;

    /// <summary>True when every contributor has spoken. Read by the committer only.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_gate)
            {
                return _contributed == _contributors;
            }
        }
    }

    /// <summary>
    /// True when a contributor withdrew: the committer ends it as <see cref="CommitOutcome.Refused"/> without writing.
    /// </summary>
    public bool IsRefused
    {
        get
        {
            lock (_gate)
            {
                return _refused;
            }
        }
    }

    /// <summary>The writes, in order. Stable once <see cref="IsComplete"/>.</summary>
    public IReadOnlyList<StoreOperation> Operations => _operations;

    /// <summary>
    /// What has to hold for it to be written, each shard once: a store that several nodes write to fails it (<see
    /// cref="CommitOutcome.StoreFailed"/>) when one of these shards is not this node's under that epoch any more (I3).
    /// Stable once <see cref="IsComplete"/>.
    /// </summary>
    public IReadOnlyList<ShardEpoch> Guards => _guards;

    /// <summary>
    /// Adds one contributor's writes. False when the lane was full or the unit has already failed: nothing will be
    /// written.
    /// </summary>
    public bool Contribute(
        ICommitter committer, ICommitParticipant? participant, params ReadOnlySpan<StoreOperation> operations)
    {
        bool complete;
        lock (_gate)
        {
            if (_ended)
            {
                return false;
            }

            foreach (var operation in operations)
            {
                _operations.Add(operation);
                Weight += operation.Weight;
            }

            if (participant is not null)
            {
                _participants.Add(participant);
            }

            if (!_placed)
            {
                _placed = committer.TryEnqueue(this);
                if (!_placed)
                {
                    // The participant hears of it by this return; the others by Ended.
                    if (participant is not null)
                    {
                        _participants.RemoveAt(_participants.Count - 1);
                    }

                    _ended = true;
                    _completion.SetResult(CommitOutcome.LaneFull);
                    return false;
                }
            }

            complete = ++_contributed == _contributors;
        }

        if (complete)
        {
            committer.Completed(this);
        }

        return true;
    }

    /// <summary>
    /// Before the contribution that needs it: the epoch under which the contributor loaded what it decided on, never
    /// the one that its node has by now. Of two for one shard the lower one stays, so that the store refuses.
    /// </summary>
    public void Guard(ShardEpoch guard)
    {
        lock (_gate)
        {
            for (var i = 0; i < _guards.Count; i++)
            {
                if (_guards[i].Shard == guard.Shard)
                {
                    _guards[i] = _guards[i].Epoch <= guard.Epoch ? _guards[i] : guard;
                    return;
                }
            }

            _guards.Add(guard);
        }
    }

    /// <summary>A contributor cannot take part: the whole unit will be refused.</summary>
    public void Withdraw(ICommitter committer)
    {
        bool complete;
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _refused = true;
            complete = ++_contributed == _contributors;
            if (!_placed && complete)
            {
                _ended = true;
                _completion.SetResult(CommitOutcome.Refused);
                return;
            }
        }

        if (complete)
        {
            committer.Completed(this);
        }
    }

    /// <summary>Called once, by the committer.</summary>
    public void End(CommitOutcome outcome)
    {
        ImmutableArray<ICommitParticipant> participants;
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            participants = [.. _participants];
        }

        foreach (var participant in participants)
        {
            participant.Ended(this, outcome);
        }

        _completion.TrySetResult(outcome);
    }
}
