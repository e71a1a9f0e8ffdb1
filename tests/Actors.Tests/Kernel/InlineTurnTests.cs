using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class InlineTurnTests
{
    private static readonly ActorOptions Inline = new()
    {
        RunsInline = true,
        MinBackoff = TimeSpan.FromTicks(1),
        MaxBackoff = TimeSpan.FromTicks(1),
    };

    private static readonly TimeSpan Minutes = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task An_ask_of_an_idle_actor_is_answered_on_the_askers_thread_before_it_returns()
    {
        await using var system = Simulated.OnThePool();
        var threads = new List<int>();
        var region = Region(system, (_, letter) =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            letter.Reply.Reply(letter.Number + 1);
        });
        for (var i = 0; i < 3; i++)
        {
            var answer = region.Ask<int, int>(7, static (reply, number) => new Letter(number, reply), i, Minutes);
            Assert.True(answer.IsCompletedSuccessfully);
            // The idle sweep's, and none for the ask.
            Assert.Equal(1, system.DeadlineCount);
            Assert.Equal(i + 1, await answer);
        }

        Assert.Equal(3, threads.Count);
        Assert.Single(threads.Distinct());
    }

    [Fact]
    public async Task A_turn_within_an_inline_turn_runs_on_the_pool()
    {
        await using var system = Simulated.OnThePool();
        using var second = new ManualResetEventSlim();
        var threads = new int[2];
        ShardRegion<int, Letter>? region = null;
        region = Region(system, (_, letter) =>
        {
            threads[letter.Number] = Environment.CurrentManagedThreadId;
            if (letter.Number == 1)
            {
                second.Set();
                return;
            }

            region!.Tell(2, new Letter(1));
            second.Wait(TestContext.Current.CancellationToken);
        });
        region.Tell(1, new Letter(0));
        Assert.Equal(Environment.CurrentManagedThreadId, threads[0]);
        Assert.NotEqual(threads[0], threads[1]);
    }

    [Fact]
    public async Task An_actor_that_tells_itself_goes_on_when_its_turn_has_ended()
    {
        await using var system = Simulated.OnThePool();
        var events = new List<string>();
        ShardRegion<int, Letter>? region = null;
        region = Region(system, (_, letter) =>
        {
            events.Add($"{letter.Number} begins");
            if (letter.Number < 3)
            {
                region!.Tell(1, new Letter(letter.Number + 1));
            }

            events.Add($"{letter.Number} ends");
        });
        region.Tell(1, new Letter(1));
        Assert.Equal(["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"], events);
    }

    [Fact]
    public async Task A_failed_inline_turn_restarts_the_actor_and_the_next_ask_is_answered()
    {
        await using var system = Simulated.OnThePool();
        var instances = 0;
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            _ =>
            {
                instances++;
                return new Probe((_, letter) =>
                {
                    if (letter.Number < 0)
                    {
                        throw new InvalidOperationException("as asked");
                    }

                    letter.Reply.Reply(letter.Number);
                });
            },
            Inline);
        foreach (var number in (int[])[1, -1, 2, -1, 3])
        {
            var expected = number < 0 ? -1 - (int)AskFailure.Failed : number;
            Assert.Equal(expected, await Simulated.Outcome(
                region.Ask<int, int>(1, static (reply, n) => new Letter(n, reply), number, Minutes)));
        }

        Assert.Equal(3, instances);
    }

    [Fact]
    public async Task A_start_that_fails_keeps_the_message_that_woke_the_actor()
    {
        await using var system = Simulated.OnThePool();
        var starts = 0;
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            _ => new Probe((_, letter) => letter.Reply.Reply(letter.Number))
            {
                OnStarted = _ =>
                {
                    if (Interlocked.Increment(ref starts) < 4)
                    {
                        throw new InvalidOperationException("as asked");
                    }
                },
            },
            Inline);
        Assert.Equal(5, await region.Ask<int, int>(1, static (reply, n) => new Letter(n, reply), 5, Minutes));
        Assert.Equal(4, starts);
    }

    [Fact]
    public async Task A_stop_during_an_inline_turn_comes_after_it()
    {
        var system = Simulated.OnThePool();
        var events = new List<string>();
        using var inTurn = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            _ => new Probe((_, letter) =>
            {
                inTurn.Set();
                goOn.Wait(TestContext.Current.CancellationToken);
                events.Add($"got {letter.Number}");
            })
            {
                OnStopping = () => events.Add("stopping"),
            },
            Inline);
        var teller = Task.Factory.StartNew(
            () => region.Tell(1, new Letter(1)), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        inTurn.Wait(TestContext.Current.CancellationToken);
        Assert.True(region.Tell(1, new Letter(2)));
        var disposal = system.DisposeAsync().AsTask();
        Assert.False(disposal.IsCompleted);
        goOn.Set();
        Assert.True(await teller);
        await disposal;
        Assert.Equal(["got 1", "got 2", "stopping"], events);
        Assert.False(region.Tell(1, new Letter(3)));
    }

    [Fact]
    public void Under_a_seeded_scheduler_every_turn_is_drawn_as_ever()
    {
        var simulated = new Simulated();
        var handled = 0;
        var actor = simulated.Spawn((_, _) => handled++, new ActorOptions { RunsInline = true });
        simulated.Scheduler.RunUntilIdle();
        actor.Tell(new Letter(1));
        Assert.Equal(0, handled);
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(1, handled);
    }

    [Fact]
    public void A_notification_reaches_an_entity_that_is_alive_and_spawns_none()
    {
        var simulated = new Simulated();
        var handled = 0;
        var region = Region(simulated.System, (_, _) => handled++);
        Assert.False(region.NotifyAlive(1, new Letter(1)));
        Assert.Equal(0, region.Count);
        region.Tell(1, new Letter(2));
        Assert.True(region.NotifyAlive(1, new Letter(3)));
        simulated.Scheduler.RunUntilIdle();
        Assert.Equal(2, handled);
        simulated.Scheduler.Advance(TimeSpan.FromHours(1));
        Assert.False(region.NotifyAlive(1, new Letter(4)));
    }

    /// <summary>Tellers, notifiers and askers on threads of their own, entities that fail and passivate.</summary>
    [Fact]
    public async Task Under_stress_turns_never_overlap_orders_hold_and_nothing_is_lost_or_doubled()
    {
        const int Threads = 4;
        const int Each = 40_000;
        const int Keys = 5;
        var system = Simulated.OnThePool();
        var inTurn = new int[Keys];
        var overlaps = 0;
        var disorder = 0;
        var handled = new int[Threads * Each];
        var last = new int[Keys, Threads];
        var synchronous = 0;
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            key => new Probe((self, letter) =>
            {
                Interlocked.Add(ref overlaps, Interlocked.Exchange(ref inTurn[key], 1));
                handled[letter.Number]++;
                var (thread, step) = (letter.Number / Each, (letter.Number % Each) + 1);
                Interlocked.Add(ref disorder, step > last[key, thread] ? 0 : 1);
                last[key, thread] = step;
                letter.Reply.Reply(letter.Number);
                if (letter.Number % 101 == 0)
                {
                    self.Here.Passivate();
                }

                Volatile.Write(ref inTurn[key], 0);
                if (letter.Number % 9973 == 0)
                {
                    throw new InvalidOperationException("as asked");
                }
            }),
            Inline with { MailboxCapacity = Threads * Each, TurnsPerBatch = 3, EntitiesMax = Keys });
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < Each; i++)
            {
                var number = (thread * Each) + i;
                var key = number * 7 / 3 % Keys;
                if (i % 3 == 0)
                {
                    var answer = region.Ask<int, int>(key, static (reply, n) => new Letter(n, reply), number, Minutes);
                    Interlocked.Add(ref synchronous, answer.IsCompleted ? 1 : 0);
                    Assert.Equal(number, await answer);
                }
                else if (i % 3 == 1 || !region.NotifyAlive(key, new Letter(number)))
                {
                    Assert.True(region.Tell(key, new Letter(number)));
                }
            }
        })));
        await system.DisposeAsync();
        Assert.Equal((0, 0), (overlaps, disorder));
        Assert.All(handled, count => Assert.Equal(1, count));
        Assert.True(synchronous > 0);
        Assert.Equal(0, region.Count);
    }

    private static ShardRegion<int, Letter> Region(ActorSystem system, Action<Probe, Letter> receive) =>
        new(system, "probes", _ => new Probe(receive), Inline);
}
