using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class MailboxTests
{
    [Fact]
    public void Messages_of_one_sender_come_in_order()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var actor = simulated.Spawn((_, letter) => seen.Add(letter.Number));
        for (var i = 0; i < 500; i++)
        {
            Assert.True(actor.Tell(new Letter(i)));
            if (i % 7 == 0)
            {
                simulated.Scheduler.RunUntilIdle();
            }
        }

        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(Enumerable.Range(0, 500), seen);
    }

    [Fact]
    public void A_tell_beyond_the_capacity_is_refused_and_told_once()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var actor = simulated.Spawn(
            (_, letter) => seen.Add(letter.Number), new ActorOptions { MailboxCapacity = 2 });
        var refused = new Letter(3);
        Assert.True(actor.Tell(new Letter(1)));
        Assert.True(actor.Tell(new Letter(2)));
        Assert.False(actor.Tell(refused));
        actor.Notify(new Letter(4));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([1, 2, 4], seen);
        Assert.Equal((1, AskFailure.MailboxFull), (refused.UndeliveredCount, refused.Why!.Value));
        Assert.True(actor.Tell(new Letter(5)));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([1, 2, 4, 5], seen);
    }

    [Fact]
    public void A_busy_actor_lets_others_run_between_its_batches()
    {
        var simulated = new Simulated(seed: 3);
        var turns = new List<char>();
        var options = new ActorOptions { TurnsPerBatch = 4 };
        var first = simulated.Spawn((_, _) => turns.Add('a'), options);
        var second = simulated.Spawn((_, _) => turns.Add('b'), options);
        for (var i = 0; i < 40; i++)
        {
            first.Tell(new Letter(i));
            second.Tell(new Letter(i));
        }

        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(80, turns.Count);
        Assert.NotEqual(new string(turns[0], 40), new string([.. turns.Take(40)]));
    }

    [Fact]
    public void Stashed_messages_come_back_in_order_before_those_that_wait()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var isReady = false;
        var actor = simulated.Spawn((self, letter) =>
        {
            if (letter.Number == 100)
            {
                isReady = true;
                self.Here.UnstashAll();
            }
            else if (!isReady)
            {
                self.Here.Stash(letter);
            }
            else
            {
                seen.Add(letter.Number);
            }
        });
        foreach (var number in (int[])[1, 2, 3, 100, 4, 5])
        {
            actor.Tell(new Letter(number));
        }

        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([1, 2, 3, 4, 5], seen);
    }

    [Fact]
    public void A_full_stash_refuses_the_message_and_tells_it_once()
    {
        var simulated = new Simulated();
        var kept = new List<bool>();
        var actor = simulated.Spawn(
            (self, letter) => kept.Add(self.Here.Stash(letter)), new ActorOptions { StashCapacity = 1 });
        var refused = new Letter(2);
        actor.Tell(new Letter(1));
        actor.Tell(refused);
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([true, false], kept);
        Assert.Equal((1, AskFailure.MailboxFull), (refused.UndeliveredCount, refused.Why!.Value));
    }

    [Fact]
    public void Dispose_handles_what_waits_and_refuses_what_comes_after()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var stopped = 0;
        var stashed = new Letter(0);
        var actor = simulated.System.Spawn<Letter>(
            "probe",
            () => new Probe((self, letter) =>
            {
                if (letter.Number == 0)
                {
                    self.Here.Stash(letter);
                    return;
                }

                seen.Add(letter.Number);
            })
            { OnStopping = () => stopped++ },
            new ActorOptions());
        actor.Tell(stashed);
        actor.Tell(new Letter(1));
        actor.Tell(new Letter(2));
        simulated.Dispose();
        Assert.Equal([1, 2], seen);
        Assert.Equal(1, stopped);
        Assert.Equal((1, AskFailure.Stopped), (stashed.UndeliveredCount, stashed.Why!.Value));
        var late = new Letter(3);
        Assert.False(actor.Tell(late));
        Assert.Equal((1, AskFailure.Stopped), (late.UndeliveredCount, late.Why!.Value));
        Assert.Equal(0, simulated.System.Count);
        Assert.Throws<ObjectDisposedException>(() => simulated.Spawn((_, _) => { }));
    }

    [Fact]
    public void An_actor_that_passivates_itself_is_gone_after_what_waits()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var actor = simulated.Spawn((self, letter) =>
        {
            seen.Add(letter.Number);
            self.Here.Passivate();
        });
        actor.Tell(new Letter(1));
        actor.Tell(new Letter(2));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([1, 2], seen);
        Assert.False(actor.Tell(new Letter(3)));
        Assert.Equal(0, simulated.System.Count);
    }
}
