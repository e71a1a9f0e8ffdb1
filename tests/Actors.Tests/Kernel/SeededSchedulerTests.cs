using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class SeededSchedulerTests
{
    [Fact]
    public void One_seed_gives_one_run()
    {
        for (var seed = 1UL; seed <= 20; seed++)
        {
            Assert.Equal(Play(seed), Play(seed));
        }
    }

    [Fact]
    public void Different_seeds_give_different_runs()
    {
        var runs = Enumerable.Range(1, 20).Select(seed => Play((ulong)seed)).ToArray();
        Assert.Equal(20, runs.Select(run => run.Trace).Distinct().Count());
        Assert.True(runs.Select(run => run.Events).Distinct().Count() > 10);
    }

    [Fact]
    public void A_run_is_the_same_in_every_process() => Assert.Equal(PlayedBefore, Play(42).Trace);

    [Fact]
    public void Code_that_waits_for_what_cannot_happen_is_reported()
    {
        var scheduler = new SeededScheduler(1);
        var never = new TaskCompletionSource();
        Assert.Throws<InvalidOperationException>(() => scheduler.Run(() => never.Task));
    }

    [Fact]
    public void A_run_that_does_not_end_is_reported()
    {
        var scheduler = new SeededScheduler(1) { StepsMax = 1000 };
        void Again() => scheduler.Post(Again);
        Again();
        Assert.Throws<InvalidOperationException>(scheduler.RunUntilIdle);
    }

    [Fact]
    public void Time_goes_on_as_far_as_awaited_delays_need()
    {
        var scheduler = new SeededScheduler(1);
        scheduler.Run(async () =>
        {
            await Task.Delay(TimeSpan.FromHours(1), scheduler.Time, TestContext.Current.CancellationToken);
            await Task.Delay(TimeSpan.FromHours(2), scheduler.Time, TestContext.Current.CancellationToken);
        });
        Assert.Equal(TimeSpan.FromHours(3), scheduler.Time.Now);
    }

    /// <summary>Changes with the kernel's order of work; never between two runs of one build.</summary>
    private const ulong PlayedBefore = 5023819515639967619;

    /// <summary>Actors that ask, fail, back off, set timers and passivate, and a store that completes late.</summary>
    private static (ulong Trace, string Events) Play(ulong seed)
    {
        var simulated = new Simulated(seed);
        var scheduler = simulated.Scheduler;
        var events = new List<string>();
        var region = new ShardRegion<int, Letter>(
            simulated.System,
            "probes",
            key => new Probe((self, letter) =>
            {
                events.Add($"{scheduler.Time.Now}:{key}:{letter.Number}");
                if (letter.Number % 11 == 10)
                {
                    throw new InvalidOperationException("as asked");
                }

                if (letter.Number % 5 == 4)
                {
                    self.Here.SetTimer(new Letter(1000), TimeSpan.FromMilliseconds(key));
                }

                var answer = letter.Number;
                scheduler.PostAfter(TimeSpan.FromMilliseconds(answer % 3), () => letter.Reply.Reply(answer));
            }),
            new ActorOptions { EntitiesMax = 6, IdleTimeout = TimeSpan.FromSeconds(1) });
        scheduler.Run(() => Task.WhenAll(Enumerable.Range(0, 10).Select(async caller =>
        {
            for (var i = 0; i < 20; i++)
            {
                var answer = await Simulated.Outcome(region.Ask<int, int>(
                    (caller + i) % 9,
                    static (reply, number) => new Letter(number, reply),
                    i,
                    TimeSpan.FromMilliseconds(50)));
                events.Add($"{caller}<{answer}");
            }
        })));
        scheduler.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, region.Count);
        simulated.Dispose();
        return (scheduler.Trace, string.Join('\n', events));
    }
}
