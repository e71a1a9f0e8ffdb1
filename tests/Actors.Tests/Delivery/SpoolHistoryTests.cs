using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Tests.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Delivery;

/// <summary>
/// Random histories of deliveries to mailboxes that become slow, unreadable and broken, on a store that fails, and of
/// processes that die: I1 (what was acknowledged is there), I2 (exactly once). A failing seed is in the message;
/// MAILCLUSTER_SEED runs that one alone.
/// </summary>
[Trait("Requirement", "OXSMTP-EV-18")]
public sealed class SpoolHistoryTests
{
    private const int Seeds = 150;
    private const int ClientSteps = 12;

    private static readonly MailboxId[] Mailboxes = [Alice, Bob, Carol];

    [Fact]
    public void Whatever_happens_an_acknowledged_message_is_in_each_of_its_mailboxes_exactly_once()
    {
        var alone = Environment.GetEnvironmentVariable("MAILCLUSTER_SEED");
        var (first, last) = alone is null ? (1, Seeds) : (int.Parse(alone, null), int.Parse(alone, null));
        var spooled = 0;
        for (var seed = first; seed <= last; seed++)
        {
            try
            {
                var history = new History(seed);
                history.Check();
                spooled += history.Spooled;
            }
            catch (Exception failure)
            {
                Assert.Fail($"MAILCLUSTER_SEED={seed}: {failure}");
            }
        }

        Assert.True(alone is not null || spooled > 10 * Seeds, $"Only {spooled} were spooled.");
    }

    private sealed class History(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly Dictionary<BodyId, MailboxId[]> _sent = [];

        // Null: the process died before it answered.
        private readonly Dictionary<BodyId, AcceptVerdict?> _answers = [];
        private TaskCompletionSource _crash = new();

        public int Spooled { get; private set; }

        public void Check()
        {
            using var run = new MailboxRun(
                (ulong)seed,
                new MailboxOptions
                {
                    IdleTimeout = TimeSpan.FromSeconds(2),
                    RetryAfter = TimeSpan.FromMilliseconds(20),
                });
            run.Store.CommitTime = TimeSpan.FromMilliseconds(seed % 3);
            run.Scheduler.Run(() => Task.WhenAll(
                ClientAsync(run), ClientAsync(run), ClientAsync(run), TroubleAsync(run)));
            Spooled = (int)run.Store.Spool.NextId().Value - 1;
            run.Store.CommitsToFail = run.Store.LoadsToFail = run.Store.PlacesToRefuse = run.Store.TurnsToBreak = 0;
            Heal(run);
            run.Scheduler.Advance(TimeSpan.FromMinutes(20));
            Assert.Empty(run.Store.Spool.Rows);
            Assert.Empty(run.Store.Refusals);
            foreach (var (body, to) in _sent)
            {
                MailboxId[] there = [.. run.Store.Committed(body).OrderBy(mailbox => mailbox.Value)];
                var isExpected = _answers.GetValueOrDefault(body) switch
                {
                    AcceptVerdict.Committed => there.SequenceEqual(to),
                    null => there.Length == 0 || there.SequenceEqual(to),
                    _ => there.Length == 0,
                };
                Assert.True(isExpected, $"body {body.Value}: {string.Join(' ', there)}");
            }
        }

        private async Task ClientAsync(MailboxRun run)
        {
            for (var step = 0; step < ClientSteps; step++)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(1500)));
                var to = Mailboxes.Where(_ => _random.Next(2) == 0).DefaultIfEmpty(Bob).ToArray();
                using var hurry = new CancellationTokenSource();
                var delay = TimeSpan.FromMilliseconds(_random.Next(3) * _random.Next(10_000));
                var verdict = run.AcceptAsync(delay, hurry.Token, to);
                var body = run.LastBody;
                _sent.Add(body, to);
                var crash = _crash.Task;
                if (_random.Next(4) == 0)
                {
                    await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(3000)));
                    hurry.Cancel();
                }

                _answers[body] = await Task.WhenAny(verdict, crash) == verdict ? await verdict : null;
            }
        }

        private async Task TroubleAsync(MailboxRun run)
        {
            for (var i = 0; i < 40; i++)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(800)));
                var mailbox = Mailboxes[_random.Next(3)];
                switch (_random.Next(10))
                {
                    case 0:
                        run.Store.CommitsToFail = 1;
                        break;
                    case 1:
                        run.Store.PlacesToRefuse = 1;
                        break;
                    case 2:
                        run.Store.TurnsToBreak = 1;
                        break;
                    case 3:
                        run.Store.SlowLoads[mailbox] = TimeSpan.FromMilliseconds(_random.Next(8000));
                        break;
                    case 4:
                        run.Store.Unreadable.Add(mailbox);
                        break;
                    case 5:
                        run.Store.Breaking.Add(mailbox);
                        break;
                    case 6:
                        run.Store.Spool.ReadsToFail = _random.Next(4);
                        break;
                    case 7:
                        run.Store.Crash(_random.Next(4));
                        run.Start();
                        var crash = _crash;
                        _crash = new TaskCompletionSource();
                        crash.SetResult();
                        break;
                    default:
                        Heal(run);
                        break;
                }
            }
        }

        private static void Heal(MailboxRun run)
        {
            run.Store.SlowLoads.Clear();
            run.Store.Unreadable.Clear();
            run.Store.Breaking.Clear();
        }
    }
}
