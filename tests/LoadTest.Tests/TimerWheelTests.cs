using MailCluster.LoadTest.Loops;
using Xunit;

namespace MailCluster.LoadTest.Tests;

public sealed class TimerWheelTests
{
    private sealed class Probe(List<Probe> fired, Action? then = null) : WheelTimer
    {
        public override void Fire()
        {
            fired.Add(this);
            then?.Invoke();
        }
    }

    [Fact]
    public void A_timer_fires_at_its_time_or_up_to_a_tick_later_and_never_before()
    {
        var random = new Random(7);
        var wheel = new TimerWheel();
        var fired = new List<Probe>();
        var timers = Enumerable.Range(0, 3000).Select(_ => new Probe(fired)).ToArray();
        foreach (var timer in timers)
        {
            wheel.Set(timer, random.NextInt64(1, 5_000_000_000)); // three turns of the wheel
        }

        var now = 0L;
        var before = 0;
        while (wheel.Count > 0)
        {
            now = Math.Max(now + 1, wheel.NextTurn());
            wheel.Advance(now);
            Assert.All(fired.Skip(before), timer => Assert.InRange(timer.Due, now - TimerWheel.Tick, now));
            before = fired.Count;
        }

        Assert.Equal(timers.Length, fired.Count);
    }

    [Fact]
    public void A_timer_that_was_cleared_does_not_fire_and_one_that_was_set_anew_fires_once()
    {
        var wheel = new TimerWheel();
        var fired = new List<Probe>();
        var cleared = new Probe(fired);
        var moved = new Probe(fired);
        wheel.Set(cleared, 1_000_000);
        wheel.Set(moved, 1_000_000);
        wheel.Clear(cleared);
        wheel.Set(moved, 9_000_000);
        wheel.Advance(5_000_000);
        Assert.Empty(fired);
        wheel.Advance(10_000_000);
        Assert.Equal([moved], fired);
        Assert.Equal(long.MaxValue, wheel.NextTurn());
    }

    [Fact]
    public void What_is_overdue_after_a_long_pause_fires_at_once_and_may_clear_its_neighbours()
    {
        var wheel = new TimerWheel();
        var fired = new List<Probe>();
        var neighbour = new Probe(fired);
        var first = new Probe(fired, () => wheel.Clear(neighbour));
        wheel.Set(neighbour, 2_000_000);
        wheel.Set(first, 2_000_000); // set later, looked at first
        wheel.Advance(3_600_000_000_000);
        Assert.Equal([first], fired);
        Assert.Equal(0, wheel.Count);
    }
}
