using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class SupervisionTests
{
    private static readonly ActorOptions Options = new()
    {
        MinBackoff = TimeSpan.FromSeconds(1),
        MaxBackoff = TimeSpan.FromSeconds(4),
        BackoffReset = TimeSpan.FromSeconds(60),
    };

    [Fact]
    public void A_failed_turn_restarts_the_actor_and_keeps_its_mailbox()
    {
        var simulated = new Simulated();
        var events = new List<string>();
        var instances = 0;
        var actor = simulated.System.Spawn<Letter>(
            "probe",
            () =>
            {
                var instance = ++instances;
                return new Probe((_, letter) =>
                {
                    if (letter.Number < 0)
                    {
                        throw new InvalidOperationException("as asked");
                    }

                    events.Add($"{instance}:{letter.Number}");
                })
                {
                    OnStarted = _ => events.Add($"{instance}:started"),
                    OnStopping = () => events.Add($"{instance}:stopping"),
                };
            },
            Options);
        var failing = new Letter(-1);
        actor.Tell(new Letter(1));
        actor.Tell(failing);
        actor.Tell(new Letter(2));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(["1:started", "1:1", "1:stopping", "2:started", "2:2"], events);
        Assert.Equal((1, AskFailure.Failed), (failing.UndeliveredCount, failing.Why!.Value));
    }

    [Fact]
    public void Repeated_failure_backs_off_twice_as_long_each_time_and_forgets_after_a_while()
    {
        var simulated = new Simulated();
        var starts = new List<double>();
        var actor = simulated.System.Spawn<Letter>(
            "probe",
            () => new Probe((_, _) => throw new InvalidOperationException("as asked"))
            {
                OnStarted = _ => starts.Add(simulated.Scheduler.Time.Now.TotalSeconds),
            },
            Options);
        for (var i = 0; i < 5; i++)
        {
            actor.Tell(new Letter(i));
        }

        simulated.Scheduler.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal([0, 0, 1, 3, 7, 11], starts);
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(60));
        actor.Tell(new Letter(6));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([0, 0, 1, 3, 7, 11, 71], starts);
    }

    [Fact]
    public void An_actor_that_cannot_start_keeps_its_messages_until_it_can()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var isStoreUp = false;
        var actor = simulated.System.Spawn<Letter>(
            "probe",
            () => isStoreUp
                ? new Probe((_, letter) => seen.Add(letter.Number))
                : throw new InvalidOperationException("store down"),
            Options);
        var letters = Enumerable.Range(0, 3).Select(i => new Letter(i)).ToArray();
        Assert.All(letters, letter => Assert.True(actor.Tell(letter)));
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(seen);
        isStoreUp = true;
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal([0, 1, 2], seen);
        Assert.All(letters, letter => Assert.Equal(0, letter.UndeliveredCount));
    }

    [Fact]
    public void The_stash_outlives_a_restart_but_not_the_message_that_failed()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var instances = 0;
        var actor = simulated.System.Spawn<Letter>(
            "probe",
            () =>
            {
                var isFirst = ++instances == 1;
                return new Probe((self, letter) =>
                {
                    if (!isFirst)
                    {
                        seen.Add(letter.Number);
                        return;
                    }

                    self.Here.Stash(letter);
                    if (letter.Number == 2)
                    {
                        throw new InvalidOperationException("as asked");
                    }
                });
            },
            Options);
        var letters = Enumerable.Range(0, 4).Select(i => new Letter(i)).ToArray();
        Array.ForEach(letters, letter => actor.Tell(letter));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([0, 1, 3], seen);
        Assert.Equal([0, 0, 1, 0], letters.Select(letter => letter.UndeliveredCount));
    }

    [Fact]
    public void Dispose_does_not_wait_for_a_back_off_and_tells_every_message()
    {
        var simulated = new Simulated();
        var actor = simulated.System.Spawn<Letter>(
            "probe", () => throw new InvalidOperationException("store down"), Options);
        var letters = Enumerable.Range(0, 3).Select(i => new Letter(i)).ToArray();
        Array.ForEach(letters, letter => actor.Tell(letter));
        simulated.Scheduler.Advance(TimeSpan.FromSeconds(3.5));
        var before = simulated.Scheduler.Time.Now;
        simulated.Dispose();
        Assert.Equal(before, simulated.Scheduler.Time.Now);
        Assert.All(
            letters,
            letter => Assert.Equal((1, AskFailure.Stopped), (letter.UndeliveredCount, letter.Why!.Value)));
    }

    [Fact]
    public void A_message_that_throws_when_told_does_not_hurt_the_actor()
    {
        var simulated = new Simulated();
        var seen = new List<int>();
        var actor = simulated.System.Spawn<object>("probe", () => new Throwing(seen), Options);
        actor.Tell(new Grenade());
        actor.Tell(7);
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal([7], seen);
    }

    private sealed class Grenade : IUndeliverable
    {
        public void Undelivered(AskFailure why) => throw new InvalidOperationException("as asked");
    }

    private sealed class Throwing(List<int> seen) : Actor<object>
    {
        protected override void Receive(object message)
        {
            if (message is not int number)
            {
                throw new InvalidOperationException("as asked");
            }

            seen.Add(number);
        }

        protected override void Stopping() => throw new InvalidOperationException("as asked");
    }
}
