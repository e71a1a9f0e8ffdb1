using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>
/// Random histories of deliveries, removals, failures and broken turns over three mailboxes, checked against what was
/// answered: I2 (exactly once), I4 (ids rise and are never given again), I5 (nothing unmarked goes). A failing seed is
/// in the message; MAILCLUSTER_SEED runs that one alone.
/// </summary>
public sealed class MailboxHistoryTests
{
    private const int Seeds = 150;
    private const int ClientSteps = 25;

    private static readonly MailboxId[] Mailboxes = [Alice, Bob, Carol];

    [Fact]
    public void Whatever_happens_answers_are_true_and_ids_rise()
    {
        var alone = Environment.GetEnvironmentVariable("MAILCLUSTER_SEED");
        var (first, last) = alone is null ? (1, Seeds) : (int.Parse(alone, null), int.Parse(alone, null));
        for (var seed = first; seed <= last; seed++)
        {
            try
            {
                new History(seed).Check();
            }
            catch (Exception failure)
            {
                Assert.Fail($"MAILCLUSTER_SEED={seed}: {failure}");
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        var first = new History(7);
        first.Check();
        var second = new History(7);
        second.Check();
        Assert.Equal(first.Trace, second.Trace);
    }

    private sealed class History(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly Dictionary<BodyId, (MailboxId[] To, AcceptVerdict Verdict)> _sent = [];
        private readonly HashSet<(MailboxId, long)> _marked = [];
        private readonly HashSet<(MailboxId, long)> _goneForSure = [];

        public ulong Trace { get; private set; }

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
                ClientAsync(run), ClientAsync(run), ClientAsync(run), ClientAsync(run), TroubleAsync(run)));
            run.Store.CommitsToFail = run.Store.LoadsToFail = run.Store.PlacesToRefuse = run.Store.TurnsToBreak = 0;
            run.Scheduler.Advance(TimeSpan.FromMinutes(1));
            CheckStore(run);
            run.Scheduler.Run(() => CheckSnapshotsAsync(run));
            Trace = run.Scheduler.Trace;
        }

        private async Task ClientAsync(MailboxRun run)
        {
            for (var step = 0; step < ClientSteps; step++)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(8)));
                try
                {
                    await (_random.Next(10) < 6 ? DeliverAsync(run) : RemoveAsync(run));
                }
                catch (AskFailedException)
                {
                    // Nobody knows; the store is asked at the end.
                }
            }
        }

        private async Task DeliverAsync(MailboxRun run)
        {
            var to = Mailboxes.Where(_ => _random.Next(2) == 0).DefaultIfEmpty(Bob).ToArray();
            var verdict = run.DeliverAsync(to);
            var body = run.LastBody;
            _sent[body] = (to, await verdict);
            if (_sent[body].Verdict == AcceptVerdict.Committed)
            {
                foreach (var mailbox in to)
                {
                    var isThere = (await run.OpenAsync(mailbox))!.Messages.Any(message => message.Body == body);
                    var row = run.Store.Rows(mailbox).FirstOrDefault(row => row.Body == body);
                    Assert.True(
                        isThere || row is null || _marked.Contains((mailbox, row.Number)), "Not read after 250.");
                }
            }
        }

        private async Task RemoveAsync(MailboxRun run)
        {
            var mailbox = Mailboxes[_random.Next(3)];
            var snapshot = await run.OpenAsync(mailbox);
            await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(6)));
            var all = snapshot!.Messages.Select(message => message.Number);
            MessageNumber[] numbers = [.. all.Where(_ => _random.Next(3) == 0)];
            _marked.UnionWith(numbers.Select(number => (mailbox, number.Value)));
            if (await run.DeleteAsync(mailbox, numbers))
            {
                _goneForSure.UnionWith(numbers.Select(number => (mailbox, number.Value)));
            }
        }

        private async Task TroubleAsync(MailboxRun run)
        {
            for (var i = 0; i < 30; i++)
            {
                await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(12)));
                switch (_random.Next(7))
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
                        run.Store.LoadsToFail = 1;
                        break;
                    case 4:
                        run.Store.IsHeld = true;
                        await run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(30)));
                        run.Store.Resume();
                        break;
                    case 5:
                        // Long enough for some to passivate.
                        await run.WaitAsync(TimeSpan.FromSeconds(_random.Next(3)));
                        break;
                }
            }
        }

        private void CheckStore(MailboxRun run)
        {
            Assert.Empty(run.Store.Refusals);
            foreach (var mailbox in Mailboxes)
            {
                var given = run.Store.Given(mailbox);
                Assert.Equal(given.Order().Distinct(), given);
                Assert.All(run.Store.Removed(mailbox), number => Assert.Contains((mailbox, number), _marked));
                Assert.All(run.Store.Rows(mailbox), row => Assert.DoesNotContain((mailbox, row.Number), _goneForSure));
                Assert.Equal(given.Count, run.Store.Removed(mailbox).Count + run.Store.Rows(mailbox).Count);
            }

            foreach (var (body, (to, verdict)) in _sent)
            {
                var writes = run.Store.Committed(body);
                var expected = to.Where(_ => verdict == AcceptVerdict.Committed);
                Assert.Equal(expected.OrderBy(mailbox => mailbox.Value), writes.OrderBy(mailbox => mailbox.Value));
            }
        }

        private static async Task CheckSnapshotsAsync(MailboxRun run)
        {
            foreach (var mailbox in Mailboxes)
            {
                Assert.Equal(
                    run.Store.Rows(mailbox).Select(row => row.Number), Numbers(await run.OpenAsync(mailbox)));
            }
        }
    }
}
