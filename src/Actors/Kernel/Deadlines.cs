using System.Diagnostics;

namespace MailCluster.Actors.Kernel;

/// <summary>
/// All deadlines of a system in one heap behind one timer. Adding and removing is O(log n), in practice a few compares,
/// as later ones mostly fall due later; the timer is only touched when the earliest moves forward, so that asks which
/// are answered in time never reach it.
/// </summary>
internal sealed class Deadlines : IDisposable
{
    private static readonly TimeSpan LongestDue = TimeSpan.FromDays(3650);
    private static readonly TimeSpan LongestArm = TimeSpan.FromDays(1);
    private static readonly TimeSpan ShortestRearm = TimeSpan.FromMilliseconds(1);

    private static long s_systems;

    private readonly Lock _gate = new();
    private readonly List<(Deadline Deadline, long Sequence)> _firing = [];
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private Deadline[] _heap = new Deadline[64];
    private int _count;

    // Pooled asks go from one system to another of the process, and a late reply must not find its number used there.
    private long _sequence = Interlocked.Increment(ref s_systems) << 40;
    private long _armedFor = long.MaxValue;
    private bool _ended;

    public Deadlines(TimeProvider time)
    {
        _time = time;
        using (ExecutionContext.SuppressFlow())
        {
            _timer = time.CreateTimer(
                static self => ((Deadlines)self!).Elapsed(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }
    }

    public int Count => Volatile.Read(ref _count);

    /// <summary>For one addition; drawn before it, so that whoever adds can prepare for being fired at once.</summary>
    public long NextSequence() => Interlocked.Increment(ref _sequence);

    /// <inheritdoc cref="TryAdd"/>
    public void Add(Deadline deadline, long sequence, TimeSpan due) => TryAdd(deadline, sequence, due);

    /// <summary>The object must not be in the heap. False: all has ended, and it will not be fired.</summary>
    public bool TryAdd(Deadline deadline, long sequence, TimeSpan due)
    {
        Debug.Assert(deadline.Place < 0, "A deadline can be waited for once at a time.");
        var now = _time.GetTimestamp();
        var at = now + Units(due < LongestDue ? due : LongestDue);
        lock (_gate)
        {
            deadline.Sequence = sequence;
            deadline.Due = at;
            if (_ended)
            {
                return false;
            }

            if (_count == _heap.Length)
            {
                Array.Resize(ref _heap, _count * 2);
            }

            Rise(deadline, _count++);
            if (at < _armedFor)
            {
                Arm(at, now, TimeSpan.Zero);
            }

            return true;
        }
    }

    /// <summary>True for exactly one of all who remove it and the firing.</summary>
    public bool TryRemove(Deadline deadline)
    {
        lock (_gate)
        {
            if (deadline.Place < 0)
            {
                return false;
            }

            RemoveAt(deadline.Place);
            return true;
        }
    }

    /// <summary>The end: whatever is still waited for is abandoned.</summary>
    public void Dispose()
    {
        (Deadline Deadline, long Sequence)[] rest;
        lock (_gate)
        {
            _ended = true;
            rest = new (Deadline, long)[_count];
            for (var i = 0; i < rest.Length; i++)
            {
                rest[i] = (_heap[0], _heap[0].Sequence);
                RemoveAt(0);
            }
        }

        foreach (var (deadline, sequence) in rest)
        {
            deadline.Abandon(sequence);
        }

        _timer.Dispose();
    }

    private void Elapsed()
    {
        lock (_firing)
        {
            lock (_gate)
            {
                var now = _time.GetTimestamp();
                while (_count > 0 && _heap[0].Due <= now)
                {
                    _firing.Add((_heap[0], _heap[0].Sequence));
                    RemoveAt(0);
                }

                _armedFor = long.MaxValue;
                if (_count > 0)
                {
                    // A timer that counts whole milliseconds may come early; then ask for no less than one.
                    Arm(_heap[0].Due, now, _firing.Count == 0 ? ShortestRearm : TimeSpan.Zero);
                }
            }

            foreach (var (deadline, sequence) in _firing)
            {
                deadline.Fire(sequence);
            }

            _firing.Clear();
        }
    }

    private void Arm(long at, long now, TimeSpan atLeast)
    {
        _armedFor = at;
        var wait = at > now ? _time.GetElapsedTime(now, at) : TimeSpan.Zero;
        wait = wait > LongestArm ? LongestArm : wait;
        _timer.Change(wait > atLeast ? wait : atLeast, Timeout.InfiniteTimeSpan);
    }

    private long Units(TimeSpan due)
    {
        var ticks = Math.Max(due.Ticks, 0);
        return (long)(ticks * (Int128)_time.TimestampFrequency / TimeSpan.TicksPerSecond);
    }

    private void RemoveAt(int place)
    {
        var removed = _heap[place];
        var last = _heap[--_count];
        _heap[_count] = null!;
        removed.Place = -1;
        if (ReferenceEquals(removed, last))
        {
            return;
        }

        if (place > 0 && Before(last, _heap[(place - 1) / 4]))
        {
            Rise(last, place);
        }
        else
        {
            Sink(last, place);
        }
    }

    private void Rise(Deadline deadline, int place)
    {
        while (place > 0)
        {
            var parent = (place - 1) / 4;
            if (!Before(deadline, _heap[parent]))
            {
                break;
            }

            Put(_heap[parent], place);
            place = parent;
        }

        Put(deadline, place);
    }

    private void Sink(Deadline deadline, int place)
    {
        while (true)
        {
            var first = (place * 4) + 1;
            if (first >= _count)
            {
                break;
            }

            var earliest = first;
            for (var child = first + 1; child < Math.Min(first + 4, _count); child++)
            {
                if (Before(_heap[child], _heap[earliest]))
                {
                    earliest = child;
                }
            }

            if (!Before(_heap[earliest], deadline))
            {
                break;
            }

            Put(_heap[earliest], place);
            place = earliest;
        }

        Put(deadline, place);
    }

    private void Put(Deadline deadline, int place)
    {
        _heap[place] = deadline;
        deadline.Place = place;
    }

    private static bool Before(Deadline left, Deadline right) =>
        left.Due != right.Due ? left.Due < right.Due : left.Sequence < right.Sequence;
}
