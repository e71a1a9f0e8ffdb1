using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

/// <summary>On the real pool: what must hold for every interleaving.</summary>
public sealed class PoolStressTests
{
    private const int Senders = 4;
    private const int PerSender = 50_000;

    [Fact]
    public async Task One_turn_at_a_time_in_each_sender_order_and_nothing_twice()
    {
        await using var system = Simulated.OnThePool();
        var inTurn = 0;
        var overlaps = 0;
        var disorder = 0;
        var last = Enumerable.Repeat(-1, Senders).ToArray();
        var handled = 0;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var actor = system.Spawn<Letter>(
            "probe",
            () => new Probe((_, letter) =>
            {
                overlaps += Interlocked.Exchange(ref inTurn, 1);
                var sender = letter.Number / PerSender;
                disorder += letter.Number == (sender * PerSender) + last[sender] + 1 ? 0 : 1;
                last[sender]++;
                if (++handled == Senders * PerSender)
                {
                    done.SetResult();
                }

                Interlocked.Exchange(ref inTurn, 0);
            }),
            new ActorOptions { MailboxCapacity = Senders * PerSender, TurnsPerBatch = 7 });
        await Everywhere(sender =>
        {
            for (var i = 0; i < PerSender; i++)
            {
                if (i % 2 == 0)
                {
                    Assert.True(actor.Tell(new Letter((sender * PerSender) + i)));
                }
                else
                {
                    actor.Notify(new Letter((sender * PerSender) + i));
                }
            }
        });
        await done.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((0, 0), (overlaps, disorder));
    }

    [Fact]
    public async Task Every_message_to_a_small_mailbox_is_handled_or_refused_exactly_once()
    {
        var system = Simulated.OnThePool();
        var handled = new int[Senders * PerSender];
        var actor = system.Spawn<Letter>(
            "probe",
            () => new Probe((_, letter) =>
            {
                handled[letter.Number]++;
                if (letter.Number % 5000 == 17)
                {
                    throw new InvalidOperationException("as asked");
                }
            }),
            new ActorOptions
            {
                MailboxCapacity = 8,
                MinBackoff = TimeSpan.FromTicks(1),
                MaxBackoff = TimeSpan.FromTicks(1),
            });
        var letters = Enumerable.Range(0, Senders * PerSender).Select(i => new Letter(i)).ToArray();
        var accepted = new bool[letters.Length];
        await Everywhere(sender =>
        {
            for (var i = sender * PerSender; i < (sender + 1) * PerSender; i++)
            {
                accepted[i] = actor.Tell(letters[i]);
            }
        });
        await system.DisposeAsync();
        for (var i = 0; i < letters.Length; i++)
        {
            var failed = handled[i] == 1 && i % 5000 == 17;
            Assert.Equal(accepted[i] ? 1 : 0, handled[i]);
            Assert.Equal(accepted[i] && !failed ? 0 : 1, letters[i].UndeliveredCount);
        }
    }

    [Fact]
    public async Task Passivation_and_respawn_lose_nothing_and_never_overlap()
    {
        const int Keys = 16;
        var system = Simulated.OnThePool();
        var alive = new int[Keys];
        var handled = new int[Senders * PerSender];
        var overlaps = 0;
        var instances = 0;
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            key =>
            {
                Interlocked.Increment(ref instances);
                return new Probe((self, letter) =>
                {
                    handled[letter.Number]++;
                    letter.Reply.Reply(letter.Number);
                    if (letter.Number % 3 == 0)
                    {
                        self.Here.Passivate();
                    }
                })
                {
                    OnStarted = _ => Interlocked.Add(ref overlaps, Interlocked.Exchange(ref alive[key], 1)),
                    OnStopping = () => Interlocked.Exchange(ref alive[key], 0),
                };
            },
            new ActorOptions
            {
                MailboxCapacity = Senders * PerSender,
                IdleTimeout = TimeSpan.FromMilliseconds(8),
                EntitiesMax = Keys - 2,
            });
        var letters = new Letter[Senders * PerSender];
        var accepted = new bool[letters.Length];
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
        {
            for (var i = sender * PerSender; i < (sender + 1) * PerSender; i++)
            {
                if (i % 5 != 0)
                {
                    accepted[i] = region.Tell(i * 31 % Keys, letters[i] = new Letter(i));
                    continue;
                }

                // Waiting for a reply empties the mailboxes now and then, so that entities do passivate.
                accepted[i] = i == await Simulated.Outcome(region.Ask<int, (Letter[] Letters, int Number)>(
                    i * 31 % Keys,
                    static (reply, at) => at.Letters[at.Number] = new Letter(at.Number, reply),
                    (letters, i),
                    TimeSpan.FromMinutes(5)));
            }
        })));
        await system.DisposeAsync();
        Assert.Equal(0, overlaps);
        Assert.Equal(0, region.Count);
        Assert.True(instances > Keys);
        Assert.Contains(true, accepted);
        for (var i = 0; i < letters.Length; i++)
        {
            Assert.Equal(accepted[i] ? (1, 0) : (0, 1), (handled[i], letters[i].UndeliveredCount));
        }
    }

    [Fact]
    public async Task Asks_from_many_tasks_each_get_their_own_reply()
    {
        await using var system = Simulated.OnThePool();
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            _ => new Probe((_, letter) =>
            {
                letter.Reply.Reply(letter.Number);
                letter.Reply.Reply(-100);
                if (letter.Number % 1000 == 0)
                {
                    throw new InvalidOperationException("after the reply");
                }
            }),
            new ActorOptions
            {
                MinBackoff = TimeSpan.FromTicks(1),
                MaxBackoff = TimeSpan.FromTicks(1),
                IdleTimeout = Timeout.InfiniteTimeSpan,
            });
        var wrong = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 5000; i++)
            {
                var number = (caller * 5000) + i;
                var answer = await region.Ask<int, int>(
                    number % 7, static (reply, n) => new Letter(n, reply), number, TimeSpan.FromMinutes(5));
                if (answer != number)
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        })));
        Assert.Equal(0, wrong);
        Assert.Equal(0, system.DeadlineCount);
    }

    [Fact]
    public async Task Asks_race_their_deadlines_and_each_ends_exactly_once()
    {
        await using var system = Simulated.OnThePool();
        var actor = system.Spawn<Letter>(
            "probe",
            () => new Probe((_, letter) => letter.Reply.Reply(letter.Number)),
            new ActorOptions { MailboxCapacity = 16_000 });
        var outcomes = new System.Collections.Concurrent.ConcurrentDictionary<int, int>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 2000; i++)
            {
                var answer = await Simulated.Outcome(actor.Ask<int, int>(
                    static (reply, n) => new Letter(n, reply), i, TimeSpan.FromTicks(i % 50)));
                outcomes.AddOrUpdate(answer == i ? 0 : answer, 1, static (_, count) => count + 1);
            }
        })));
        Assert.Equal(16_000, outcomes.Values.Sum());
        Assert.Equal([], outcomes.Keys.Except([0, -1 - (int)AskFailure.DeadlinePassed]));
    }

    private static Task Everywhere(Action<int> body)
    {
        return Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Factory.StartNew(
            () => body(sender),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
    }
}
