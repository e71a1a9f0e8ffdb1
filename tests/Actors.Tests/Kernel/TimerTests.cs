using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class TimerTests
{
    [Fact]
    public void Timers_come_at_their_time_and_in_its_order()
    {
        var simulated = new Simulated();
        var seen = new List<(int, double)>();
        simulated.Spawn((self, letter) =>
        {
            if (letter.Number != 0)
            {
                seen.Add((letter.Number, simulated.Scheduler.Time.Now.TotalSeconds));
                return;
            }

            self.Here.SetTimer(new Letter(3), TimeSpan.FromSeconds(3));
            self.Here.SetTimer(new Letter(1), TimeSpan.FromSeconds(1));
            self.Here.SetTimer(new Letter(2), TimeSpan.FromSeconds(2.5));
        }).Tell(new Letter(0));
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([(1, 1), (2, 2.5), (3, 3)], seen);
        Assert.Equal(0, simulated.System.DeadlineCount);
    }

    [Fact]
    public void A_cancelled_timer_does_not_come_even_from_the_mailbox()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var cancelled = new List<bool>();
        TimerHandle handle = default;
        var actor = simulated.Spawn((self, letter) =>
        {
            seen.Add(letter.Number);
            if (letter.Number == 0)
            {
                // Two fall due at once; the turn of the first cancels the second, which lies in the mailbox by then.
                self.Here.SetTimer(new Letter(1), TimeSpan.FromSeconds(1));
                handle = self.Here.SetTimer(new Letter(2), TimeSpan.FromSeconds(1));
            }
            else
            {
                cancelled.Add(handle.Cancel());
                cancelled.Add(handle.Cancel());
            }
        });
        actor.Tell(new Letter(0));
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal([0, 1], seen);
        Assert.Equal([true, false], cancelled);
    }

    [Fact]
    public void A_restart_cancels_the_timers_of_the_old_instance()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var actor = simulated.Spawn((self, letter) =>
        {
            if (letter.Number == 0)
            {
                self.Here.SetTimer(new Letter(1), TimeSpan.FromSeconds(1));
                throw new InvalidOperationException("as asked");
            }

            seen.Add(letter.Number);
        });
        actor.Tell(new Letter(0));
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(2));
        Assert.Empty(seen);
        Assert.Equal(0, simulated.System.DeadlineCount);
    }

    [Fact]
    public void More_timers_than_the_bound_are_a_failure_of_the_turn()
    {
        var simulated = new Simulated();
        var letter = new Letter(0);
        var actor = simulated.Spawn(
            (self, _) =>
            {
                for (var i = 0; i < 3; i++)
                {
                    self.Here.SetTimer(new Letter(1), TimeSpan.FromSeconds(1));
                }
            },
            new ActorOptions { TimersMax = 2 });
        actor.Tell(letter);
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(AskFailure.Failed, letter.Why);
    }
}
