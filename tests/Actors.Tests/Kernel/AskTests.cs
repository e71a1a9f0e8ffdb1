using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class AskTests
{
    private static readonly TimeSpan FiveSeconds = TimeSpan.FromSeconds(5);

    [Fact]
    public void An_ask_gets_its_reply_and_leaves_no_deadline()
    {
        var simulated = new Simulated();
        var actor = simulated.Spawn((_, letter) => letter.Reply.Reply(letter.Number * 2));
        var answer = simulated.Scheduler.Run(async () =>
            await actor.Ask<int, int>(static (reply, number) => new Letter(number, reply), 21, FiveSeconds));
        Assert.Equal(42, answer);
        Assert.Equal(0, simulated.System.DeadlineCount);
        Assert.Equal(TimeSpan.Zero, simulated.Scheduler.Time.Now);
    }

    [Fact]
    public async Task An_ask_fails_at_its_deadline_and_not_before()
    {
        var simulated = new Simulated();
        var actor = simulated.Spawn((_, _) => { });
        simulated.Scheduler.Advance(TimeSpan.FromTicks(12345));
        var answer = Simulated.Outcome(actor.Ask<int>(reply => new Letter(1, reply), FiveSeconds));
        simulated.Scheduler.Advance(FiveSeconds - TimeSpan.FromTicks(1));
        Assert.False(answer.IsCompleted);
        simulated.Scheduler.Advance(TimeSpan.FromTicks(1));
        Assert.True(answer.IsCompleted);
        Assert.Equal(-1 - (int)AskFailure.DeadlinePassed, await answer);
    }

    [Fact]
    public async Task A_reply_after_the_deadline_goes_to_nobody_even_when_the_ask_was_used_again()
    {
        var simulated = new Simulated();
        var held = new List<ReplyTo<int>>();
        var actor = simulated.Spawn((_, letter) => held.Add(letter.Reply));
        var first = Simulated.Outcome(actor.Ask<int>(reply => new Letter(1, reply), FiveSeconds));
        simulated.Scheduler.Advance(FiveSeconds);
        Assert.Equal(-1 - (int)AskFailure.DeadlinePassed, await first);
        var second = Simulated.Outcome(actor.Ask<int>(reply => new Letter(2, reply), FiveSeconds));
        simulated.Scheduler.RunUntilIdle();
        held[0].Reply(111);
        simulated.Scheduler.RunUntilIdle();
        Assert.False(second.IsCompleted);
        held[1].Reply(222);
        held[1].Reply(333);
        simulated.Scheduler.RunUntilIdle();
        Assert.True(second.IsCompleted);
        Assert.Equal(222, await second);
    }

    [Fact]
    public void Deadlines_of_many_asks_fire_each_at_its_own_time()
    {
        var simulated = new Simulated();
        var actor = simulated.Spawn((_, letter) =>
        {
            if (letter.Number % 3 == 0)
            {
                letter.Reply.Reply(letter.Number);
            }
        });
        var asks = Enumerable.Range(1, 300)
            .Select(i => (Due: (i * 7919 % 1000) + 1, Number: i))
            .Select(a => (a.Due, a.Number, Ask: Simulated.Outcome(actor.Ask<int, int>(
                static (reply, n) => new Letter(n, reply), a.Number, TimeSpan.FromMilliseconds(a.Due)))))
            .ToArray();
        simulated.Scheduler.RunUntilIdle();
        for (var ms = 0; ms <= 1001; ms++)
        {
            Assert.All(asks, a => Assert.Equal(a.Number % 3 == 0 || a.Due <= ms, a.Ask.IsCompleted));
            simulated.Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(0, simulated.System.DeadlineCount);
    }

    [Fact]
    public void An_ask_of_a_full_or_ended_actor_fails_at_once()
    {
        var simulated = new Simulated();
        var actor = simulated.Spawn((_, _) => { }, new ActorOptions { MailboxCapacity = 1 });
        actor.Tell(new Letter(0));
        var letter = new Letter(0);
        var full = Simulated.Outcome(actor.Ask<int>(_ => letter, FiveSeconds));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(-1 - (int)AskFailure.MailboxFull, simulated.Scheduler.Run(() => full));
        Assert.Equal(1, letter.UndeliveredCount);
        simulated.Dispose();
        var ended = Simulated.Outcome(actor.Ask<int>(reply => new Letter(1, reply), FiveSeconds));
        Assert.Equal(-1 - (int)AskFailure.Stopped, simulated.Scheduler.Run(() => ended));
    }

    [Fact]
    public async Task Dispose_fails_the_asks_that_nobody_answered()
    {
        var simulated = new Simulated();
        var actor = simulated.Spawn((_, _) => { });
        var answer = Simulated.Outcome(actor.Ask<int>(reply => new Letter(1, reply), FiveSeconds));
        simulated.Dispose();
        simulated.Scheduler.RunUntilIdle();
        Assert.True(answer.IsCompleted);
        Assert.Equal(-1 - (int)AskFailure.Stopped, await answer);
    }

    [Fact]
    public void Asks_beyond_the_bound_of_the_system_fail_at_once()
    {
        var scheduler = new SeededScheduler(1);
        var system = new ActorSystem(
            scheduler,
            scheduler.Time,
            new ActorSystemOptions { DeadlinesMax = 2 },
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        var actor = system.Spawn<Letter>("probe", () => new Probe((_, _) => { }), new ActorOptions());
        var asks = Enumerable.Range(0, 3)
            .Select(_ => Simulated.Outcome(actor.Ask<int>(reply => new Letter(1, reply), FiveSeconds)))
            .ToArray();
        scheduler.RunUntilIdle();
        Assert.Equal([false, false, true], asks.Select(a => a.IsCompleted));
    }
}
