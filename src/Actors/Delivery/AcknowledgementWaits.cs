using System.Collections.Concurrent;
using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Delivery;

/// <summary>What ended the wait between the durable commit of a message and its 250 (OXSMTP-EV-18).</summary>
internal enum AcknowledgementEnd
{
    /// <summary>It is in all its mailboxes, or given up for one that is gone.</summary>
    Delivered,

    /// <summary>The delay is over.</summary>
    Delay,

    /// <summary>The session has no more time.</summary>
    Hurried,

    /// <summary>Too many wait already.</summary>
    NotWaited,
}

/// <summary>Who waits for which rows of the spool; at most so many at once.</summary>
internal sealed class AcknowledgementWaits(int most, TimeProvider time)
{
    private readonly ConcurrentDictionary<SpoolId, Wait> _byRow = new();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Before the rows are committed, so that no delivery is missed. Null at the bound.</summary>
    public Wait? TryBegin(ImmutableArray<SpoolRow> rows)
    {
        if (Interlocked.Increment(ref _count) > most)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        var wait = new Wait(this, rows);
        foreach (var row in rows)
        {
            _byRow[row.Id] = wait;
        }

        return wait;
    }

    /// <summary>Nobody needs to wait for this row any more. Any thread.</summary>
    public void Ended(SpoolId row)
    {
        if (_byRow.TryRemove(row, out var wait))
        {
            wait.RowEnded();
        }
    }

    internal sealed class Wait(AcknowledgementWaits owner, ImmutableArray<SpoolRow> rows) : IDisposable
    {
        private readonly TaskCompletionSource<AcknowledgementEnd> _end =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        private int _left = rows.Length;

        public async ValueTask<AcknowledgementEnd> UntilAsync(TimeSpan delay, CancellationToken hurry)
        {
            if (delay <= TimeSpan.Zero)
            {
                return _end.Task.IsCompleted ? AcknowledgementEnd.Delivered : AcknowledgementEnd.Delay;
            }

            using var hurried = hurry.UnsafeRegister(
                static state => ((Wait)state!)._end.TrySetResult(AcknowledgementEnd.Hurried), this);
            using var timer = owner.Timer(this, delay);
            return await _end.Task;
        }

        public void RowEnded()
        {
            if (Interlocked.Decrement(ref _left) == 0)
            {
                _end.TrySetResult(AcknowledgementEnd.Delivered);
            }
        }

        public void DelayEnded() => _end.TrySetResult(AcknowledgementEnd.Delay);

        public void Dispose()
        {
            foreach (var row in rows)
            {
                owner._byRow.TryRemove(row.Id, out _);
            }

            Interlocked.Decrement(ref owner._count);
        }
    }

    private ITimer Timer(Wait wait, TimeSpan delay) =>
        time.CreateTimer(static state => ((Wait)state!).DelayEnded(), wait, delay, Timeout.InfiniteTimeSpan);
}
