using System.Numerics;

namespace MailCluster.LoadTest.Loops;

/// <summary>Something that is due once; linked into the wheel, so that setting one costs no allocation.</summary>
internal abstract class WheelTimer
{
    internal WheelTimer? Next;
    internal WheelTimer? Previous;
    internal int Slot = -1;

    /// <summary>Nanoseconds of the loop's clock.</summary>
    public long Due { get; internal set; }

    public bool IsSet => Slot >= 0;

    /// <summary>It is not set any more and may be set again.</summary>
    public abstract void Fire();
}

/// <summary>
/// A hashed timer wheel: setting and clearing take the same time whether ten or a hundred thousand are set. A timer
/// fires at its time or up to one tick later, never before.
/// </summary>
internal sealed class TimerWheel
{
    /// <summary>Nanoseconds of a slot.</summary>
    public const long Tick = 100_000;

    /// <summary>1.6 s a turn: a timeout of a minute is passed 37 times before it fires.</summary>
    private const int Slots = 16384;

    private readonly WheelTimer?[] _slots = new WheelTimer?[Slots];
    private readonly ulong[] _used = new ulong[Slots / 64];
    private long _tick;

    public int Count { get; private set; }

    public void Set(WheelTimer timer, long due)
    {
        Clear(timer);
        timer.Due = due;
        var tick = Math.Max((due + Tick - 1) / Tick, _tick + 1);
        var slot = (int)(tick & (Slots - 1));
        timer.Slot = slot;
        timer.Next = _slots[slot];
        if (timer.Next is not null)
        {
            timer.Next.Previous = timer;
        }

        _slots[slot] = timer;
        _used[slot >> 6] |= 1UL << (slot & 63);
        Count++;
    }

    public void Clear(WheelTimer timer)
    {
        var slot = timer.Slot;
        if (slot < 0)
        {
            return;
        }

        if (timer.Previous is null)
        {
            _slots[slot] = timer.Next;
            if (timer.Next is null)
            {
                _used[slot >> 6] &= ~(1UL << (slot & 63));
            }
        }
        else
        {
            timer.Previous.Next = timer.Next;
        }

        if (timer.Next is not null)
        {
            timer.Next.Previous = timer.Previous;
        }

        timer.Next = null;
        timer.Previous = null;
        timer.Slot = -1;
        Count--;
    }

    /// <summary>Nanoseconds at which a timer may be due; <see cref="long.MaxValue"/>: none is set.</summary>
    public long NextTurn()
    {
        if (Count == 0)
        {
            return long.MaxValue;
        }

        var first = (int)((_tick + 1) & (Slots - 1));
        var word = first >> 6;
        var bits = _used[word] & (ulong.MaxValue << (first & 63));
        for (var looked = 0; looked <= _used.Length; looked++)
        {
            if (bits != 0)
            {
                var slot = (word << 6) + BitOperations.TrailingZeroCount(bits);
                return (_tick + 1 + ((slot - first) & (Slots - 1))) * Tick;
            }

            word = (word + 1) & (_used.Length - 1);
            bits = _used[word];
        }

        return long.MaxValue;
    }

    /// <summary>Fires what is due, in the order of the slots.</summary>
    public void Advance(long now)
    {
        var target = now / Tick;
        if (Count == 0)
        {
            _tick = Math.Max(_tick, target);
            return;
        }

        // Behind by more than a turn: each slot once is enough, since what is due is judged by its own time.
        if (target - _tick > Slots)
        {
            _tick = target - Slots;
        }

        while (_tick < target)
        {
            _tick++;
            var slot = (int)(_tick & (Slots - 1));
            if (_slots[slot] is not null)
            {
                FireSlot(slot, now);
            }
        }
    }

    private void FireSlot(int slot, long now)
    {
        // A timer that fires may set and clear others, also in this slot: begin again after each.
        var timer = _slots[slot];
        while (timer is not null)
        {
            if (timer.Due > now)
            {
                timer = timer.Next;
                continue;
            }

            Clear(timer);
            timer.Fire();
            timer = _slots[slot];
        }
    }
}
