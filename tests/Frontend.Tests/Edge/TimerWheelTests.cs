using MailCluster.Frontend.Edge;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

public sealed class TimerWheelTests
{
    private const int Tick = 250;

    private readonly TimerWheel _wheel = new(TimeSpan.FromMilliseconds(Tick));

    [Fact]
    public void A_timer_never_comes_early_and_at_most_one_tick_late()
    {
        var random = new Random(4711);
        var asked = new List<Owner>();
        for (var i = 0; i < 2000; i++)
        {
            var owner = new Owner(random.Next(1, 900_000));
            owner.Place = _wheel.Add(owner, owner.Wants);
            asked.Add(owner);
        }

        for (var now = 0L; now <= 901_000; now += Tick)
        {
            _wheel.Turn(now);
        }

        Assert.All(asked, owner => Assert.InRange(Assert.Single(owner.Calls) - owner.Wants, 0, Tick));
        Assert.Equal(asked.Count, _wheel.Count);
    }

    [Fact]
    public void An_owner_that_has_time_left_is_called_again_when_it_says()
    {
        var owner = new Owner(1000) { Next = now => now < 5000 ? now + 1000 : TimerWheel.Never };
        owner.Place = _wheel.Add(owner, 1000);

        for (var now = 0L; now < 60_000; now += Tick)
        {
            _wheel.Turn(now);
        }

        Assert.Equal([1000, 2000, 3000, 4000, 5000], owner.Calls);
    }

    [Fact]
    public void An_earlier_time_that_is_asked_for_later_is_kept()
    {
        var owner = new Owner(600_000);
        owner.Place = _wheel.Add(owner, 600_000);
        _wheel.Turn(10_000);
        owner.Place.NoLaterThan(15_000);
        owner.Place.NoLaterThan(20_000);

        _wheel.Turn(14_999);
        Assert.Empty(owner.Calls);
        _wheel.Turn(15_000);
        Assert.Equal([15_000], owner.Calls);
    }

    [Fact]
    public void A_time_that_is_asked_for_while_the_owner_is_called_is_kept()
    {
        Owner? owner = null;
        owner = new Owner(1000)
        {
            Next = now =>
            {
                if (now == 1000)
                {
                    owner!.Place!.NoLaterThan(3000);
                }

                return TimerWheel.Never;
            },
        };
        owner.Place = _wheel.Add(owner, 1000);

        for (var now = 0L; now < 10_000; now += Tick)
        {
            _wheel.Turn(now);
        }

        Assert.Equal([1000, 3000], owner.Calls);
    }

    [Fact]
    public void A_removed_owner_is_not_called_even_when_it_removes_itself()
    {
        var gone = new Owner(1000);
        gone.Place = _wheel.Add(gone, 1000);
        gone.Place.Remove();
        gone.Place.Remove();
        Owner? leaving = null;
        leaving = new Owner(1000)
        {
            Next = now =>
            {
                leaving!.Place!.Remove();
                return now + 1000;
            },
        };
        leaving.Place = _wheel.Add(leaving, 1000);

        for (var now = 0L; now < 10_000; now += Tick)
        {
            _wheel.Turn(now);
        }

        Assert.Empty(gone.Calls);
        Assert.Equal([1000], leaving.Calls);
        Assert.Equal(0, _wheel.Count);
        Assert.Empty(_wheel.Owners());
    }

    [Fact]
    public void After_a_pause_longer_than_a_turn_of_the_wheel_everything_due_comes_at_once()
    {
        var owners = Enumerable.Range(1, 500).Select(i => new Owner(i * 1000L)).ToArray();
        foreach (var owner in owners)
        {
            owner.Place = _wheel.Add(owner, owner.Wants);
        }

        _wheel.Turn(3_600_000);

        Assert.All(owners, owner => Assert.Equal([3_600_000], owner.Calls));
    }

    private sealed class Owner(long wants) : ITimed
    {
        public long Wants => wants;

        public TimerWheel.Place? Place { get; set; }

        public List<long> Calls { get; } = [];

        public Func<long, long> Next { get; init; } = _ => TimerWheel.Never;

        public long Due(long now)
        {
            Calls.Add(now);
            return Next(now);
        }
    }
}
