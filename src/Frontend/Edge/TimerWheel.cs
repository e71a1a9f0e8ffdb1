namespace MailCluster.Frontend.Edge;

/// <summary>What a place on the wheel belongs to.</summary>
internal interface ITimed
{
    /// <summary>
    /// The time that was asked for has come, or an earlier one that is void by now: do what is due and say when to look
    /// again. Milliseconds on the wheel's scale; <see cref="TimerWheel.Never"/>: not any more.
    /// </summary>
    long Due(long now);
}

/// <summary>
/// A hashed wheel of timers: one place for each connection, whatever number of clocks it has, and the cost of a tick is
/// that of the places that come due. A clock that is put off by every command is not moved on the wheel: when its time
/// comes, the owner looks and says how much is left. Time is handed in.
/// </summary>
internal sealed class TimerWheel
{
    public const long Never = long.MaxValue;

    private const int SlotCount = 1024;

    private readonly Lock _gate = new();
    private readonly Place?[] _slots = new Place?[SlotCount];
    private readonly List<Place> _due = [];
    private readonly long _tick;
    private long _turned;

    /// <param name="resolution">How late a timer may come; it never comes early.</param>
    public TimerWheel(TimeSpan resolution) => _tick = (long)resolution.TotalMilliseconds;

    /// <summary>Places on the wheel.</summary>
    public int Count { get; private set; }

    /// <param name="due">When its owner is called first.</param>
    public Place Add(ITimed owner, long due)
    {
        var place = new Place(this, owner);
        lock (_gate)
        {
            Count++;
            Link(place, due);
        }

        return place;
    }

    /// <summary>Calls the owners whose time has come, on this thread. For one caller at a time.</summary>
    public void Turn(long now)
    {
        lock (_gate)
        {
            var to = now / _tick;
            // After a pause longer than a turn of the wheel every slot is looked at once.
            for (var tick = Math.Max(_turned, to - SlotCount + 1); tick <= to; tick++)
            {
                Collect(ref _slots[tick % SlotCount], now);
            }

            _turned = to;
        }

        foreach (var place in _due)
        {
            // Outside of the lock: the owner may end and take its place off the wheel.
            var next = place.Owner.Due(now);
            lock (_gate)
            {
                if (!place.IsOff && !place.IsLinked)
                {
                    Link(place, Math.Min(next, place.Wanted));
                }
            }
        }

        lock (_gate)
        {
            _due.Clear();
        }
    }

    /// <summary>Every owner on the wheel now.</summary>
    public ITimed[] Owners()
    {
        lock (_gate)
        {
            var owners = new List<ITimed>(Count);
            foreach (var first in _slots)
            {
                for (var place = first; place is not null; place = place.Next)
                {
                    owners.Add(place.Owner);
                }
            }

            // Those that are being called at this moment.
            owners.AddRange(_due.Where(place => !place.IsLinked && !place.IsOff).Select(place => place.Owner));
            return [.. owners];
        }
    }

    private void Collect(ref Place? slot, long now)
    {
        for (var place = slot; place is not null;)
        {
            var next = place.Next;
            if (place.Due <= now)
            {
                Unlink(place);
                place.Due = place.Wanted = Never;
                _due.Add(place);
            }

            place = next;
        }
    }

    private void Link(Place place, long due)
    {
        place.Due = due;
        // The slot whose turn comes at or after the time, and never the one that has just been turned past.
        var tick = due == Never ? _turned : Math.Max((due + _tick - 1) / _tick, _turned + 1);
        ref var slot = ref _slots[tick % SlotCount];
        place.Slot = (int)(tick % SlotCount);
        place.Previous = null;
        place.Next = slot;
        if (slot is not null)
        {
            slot.Previous = place;
        }

        slot = place;
    }

    private void Unlink(Place place)
    {
        if (place.Previous is null)
        {
            _slots[place.Slot] = place.Next;
        }
        else
        {
            place.Previous.Next = place.Next;
        }

        if (place.Next is not null)
        {
            place.Next.Previous = place.Previous;
        }

        place.Previous = place.Next = null;
        place.Slot = -1;
    }

    /// <summary>One owner's place; its methods may be called on any thread.</summary>
    internal sealed class Place(TimerWheel wheel, ITimed owner)
    {
        private long _due;

        public ITimed Owner => owner;

        public Place? Previous { get; set; }

        public Place? Next { get; set; }

        public int Slot { get; set; } = -1;

        public bool IsLinked => Slot >= 0;

        public bool IsOff { get; private set; }

        public long Due
        {
            get => Volatile.Read(ref _due);
            set => Volatile.Write(ref _due, value);
        }

        /// <summary>Asked for while the owner was being called.</summary>
        public long Wanted { get; set; } = Never;

        /// <summary>The owner is called at this time or before; an earlier one that was asked for stays.</summary>
        public void NoLaterThan(long due)
        {
            if (Due <= due)
            {
                return;
            }

            lock (wheel._gate)
            {
                if (IsOff)
                {
                    return;
                }

                if (!IsLinked)
                {
                    Wanted = Math.Min(Wanted, due);
                }
                else if (due < Due)
                {
                    wheel.Unlink(this);
                    wheel.Link(this, due);
                }
            }
        }

        /// <summary>The owner is not called any more, but for a call that has begun.</summary>
        public void Remove()
        {
            lock (wheel._gate)
            {
                if (IsOff)
                {
                    return;
                }

                IsOff = true;
                wheel.Count--;
                if (IsLinked)
                {
                    wheel.Unlink(this);
                }
            }
        }
    }
}
