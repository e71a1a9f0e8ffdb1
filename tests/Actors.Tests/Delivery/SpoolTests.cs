using MailCluster.Actors.Delivery;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Delivery;

[Trait("Requirement", "OXSMTP-EV-18")]
public sealed class SpoolTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    [Fact]
    public void A_mailbox_that_is_well_never_touches_the_spool()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice, Bob));
            Assert.All(run.Store.Ended, unit => Assert.Empty(unit.Operations.OfType<StoreOperation.InsertSpool>()));
            Assert.Equal(2, run.Store.Ended.Count);
        });
    }

    [Fact]
    public void A_slow_mailbox_gets_its_message_later_and_the_250_waits_for_that()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.SlowLoads[Alice] = TimeSpan.FromSeconds(10);
            var verdict = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(2) + Moment);
            Assert.Single(run.Store.Spool.Rows);
            await run.WaitAsync(TimeSpan.FromSeconds(7));
            Assert.False(verdict.IsCompleted);
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.InRange(run.Scheduler.Time.Now, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));
            Assert.Single(run.Store.Rows(Alice));
            Assert.Empty(run.Store.Spool.Rows);
        });
        CheckOnce(run, (Alice, 1));
    }

    [Fact]
    public void The_250_comes_at_exactly_the_delay_when_the_mailbox_does_not()
    {
        using var run = new MailboxRun();
        run.Store.Unreadable.Add(Alice);
        foreach (var delay in new[] { 1, 5, 30, 300 })
        {
            var before = run.Scheduler.Time.Now;
            var verdict = run.Scheduler.Run(
                () => run.AcceptAsync(TimeSpan.FromSeconds(delay), CancellationToken.None, Alice));
            Assert.Equal(AcceptVerdict.Committed, verdict);
            Assert.Equal(TimeSpan.FromSeconds(delay), run.Scheduler.Time.Now - before);
        }

        Assert.Equal(4, run.Store.Spool.Rows.Count);
        run.Store.Unreadable.Clear();
        run.Scheduler.Advance(TimeSpan.FromMinutes(11));
        CheckOnce(run, (Alice, 4));
    }

    [Fact]
    public void With_a_delay_of_nothing_the_250_comes_with_the_commit()
    {
        using var run = new MailboxRun();
        run.Store.SlowLoads[Alice] = TimeSpan.FromMinutes(1);
        var verdict = run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.Zero, CancellationToken.None, Alice));
        Assert.Equal(AcceptVerdict.Committed, verdict);
        Assert.InRange(run.Scheduler.Time.Now, TimeSpan.Zero, TimeSpan.FromMilliseconds(300));
        Assert.Empty(run.Store.Rows(Alice));
        run.Scheduler.Advance(TimeSpan.FromMinutes(10));
        CheckOnce(run, (Alice, 1));
    }

    [Fact]
    public void A_session_without_time_is_answered_at_once_and_with_nothing_but_250()
    {
        using var run = new MailboxRun();
        using var hurry = new CancellationTokenSource();
        run.Scheduler.Run(async () =>
        {
            run.Store.Unreadable.Add(Alice);
            var verdict = run.AcceptAsync(Delay, hurry.Token, Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(5));
            Assert.False(verdict.IsCompleted);
            hurry.Cancel();
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.Equal(TimeSpan.FromSeconds(5), run.Scheduler.Time.Now);

            // Hurried before: the commit is waited for, the delivery is not.
            Assert.Equal(AcceptVerdict.Committed, await run.AcceptAsync(Delay, hurry.Token, Alice));
            Assert.Equal(2, run.Store.Spool.Rows.Count);
        });
    }

    [Fact]
    public void Above_the_bound_of_waiters_the_250_comes_with_the_commit()
    {
        using var run = new MailboxRun(spoolOptions: new SpoolOptions { WaitersMax = 2 });
        run.Scheduler.Run(async () =>
        {
            run.Store.Unreadable.Add(Alice);
            var first = run.DeliverAsync(Alice);
            var second = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(1));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            Assert.InRange(run.Scheduler.Time.Now, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4));
            Assert.False(first.IsCompleted || second.IsCompleted);
            await Task.WhenAll(first, second);
            Assert.Equal(Delay, run.Scheduler.Time.Now);

            // Their places are free again.
            var third = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(10));
            Assert.False(third.IsCompleted);
        });
    }

    [Theory]
    [InlineData(CommitOutcome.StoreFailed, AcceptVerdict.Unavailable)]
    [InlineData(CommitOutcome.OutOfSpace, AcceptVerdict.OutOfResources)]
    public void A_store_that_fails_at_the_commit_of_the_spool_is_a_refusal_and_nothing_is_kept(
        CommitOutcome failure, AcceptVerdict expected)
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.Unreadable.Add(Alice);
            run.Store.Failure = failure;
            run.Store.CommitsToFail = 1;
            Assert.Equal(expected, await run.DeliverAsync(Alice, Bob));
            Assert.Empty(run.Store.Spool.Rows);
            run.Store.Unreadable.Clear();
            await run.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Empty(run.Store.Rows(Alice));
            Assert.Empty(run.Store.Rows(Bob));
        });
    }

    [Fact]
    public void A_full_lane_at_the_commit_of_the_spool_is_a_refusal()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.Unreadable.Add(Alice);
            run.Store.PlacesToRefuse = 1;
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice));
            Assert.Empty(run.Store.Spool.Rows);
        });
    }

    [Fact]
    public void Of_two_mailboxes_the_one_that_is_well_does_not_wait_for_the_slow_one()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.SlowLoads[Bob] = TimeSpan.FromSeconds(20);
            var verdict = run.DeliverAsync(Alice, Bob);
            await run.WaitAsync(TimeSpan.FromSeconds(3));
            Assert.Single(run.Store.Rows(Alice));
            Assert.Equal(Bob, Assert.Single(run.Store.Spool.Rows.Values).Mailbox);
            Assert.False(verdict.IsCompleted);
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.Single(run.Store.Rows(Bob));
        });
        CheckOnce(run, (Alice, 1), (Bob, 1));
    }

    [Fact]
    public void The_same_mailbox_twice_is_one_row()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.SlowLoads[Alice] = TimeSpan.FromSeconds(5);
            var verdict = run.DeliverAsync(Alice, Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(3));
            var row = Assert.Single(run.Store.Spool.Rows.Values);
            Assert.Equal("user1@example.test", row.Envelope.Recipient);
            Assert.Equal("sender@elsewhere.test", row.Envelope.Sender);
            Assert.Equal(AcceptVerdict.Committed, await verdict);
        });
        CheckOnce(run, (Alice, 1));
    }

    [Fact]
    public void A_mailbox_whose_actor_throws_gets_its_message_when_it_is_well_again()
    {
        using var run = new MailboxRun();
        run.Store.Breaking.Add(Alice);
        Assert.Equal(
            AcceptVerdict.Committed,
            run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.FromSeconds(3), CancellationToken.None, Bob, Alice)));
        Assert.Single(run.Store.Rows(Bob));
        run.Scheduler.Advance(TimeSpan.FromMinutes(3));
        Assert.Empty(run.Store.Rows(Alice));
        Assert.NotNull(Assert.Single(run.Store.Spool.Rows.Values).LastError);
        run.Store.Breaking.Clear();
        run.Scheduler.Advance(TimeSpan.FromMinutes(6));
        CheckOnce(run, (Alice, 1), (Bob, 1));
    }

    [Fact]
    public void What_was_spooled_is_delivered_by_the_next_process()
    {
        using var run = new MailboxRun();
        run.Store.Unreadable.Add(Alice);
        run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.Zero, CancellationToken.None, Alice, Bob));
        run.Store.Crash(durable: 0);
        run.Store.Unreadable.Clear();
        run.Start();
        run.Scheduler.Advance(TimeSpan.FromMinutes(5));
        CheckOnce(run, (Alice, 1), (Bob, 1));
    }

    [Fact]
    public void Attempts_come_at_doubling_intervals_up_to_a_bound_and_are_noted()
    {
        using var run = new MailboxRun();
        run.Store.Unreadable.Add(Alice);
        run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.Zero, CancellationToken.None, Alice));
        var attempts = new List<TimeSpan>();
        for (var i = 0; i < 3 * 3600; i++)
        {
            run.Scheduler.Advance(TimeSpan.FromSeconds(1));
            var row = Assert.Single(run.Store.Spool.Rows.Values);
            if (row.Attempts > attempts.Count)
            {
                attempts.Add(run.Scheduler.Time.Now);
                Assert.Equal("the mailbox could not be loaded", row.LastError);
            }
        }

        var gaps = attempts.Zip(attempts.Skip(1), (one, next) => (next - one).TotalSeconds).ToList();
        for (var i = 0; i < gaps.Count; i++)
        {
            var backoff = Math.Min(Math.Pow(2, i), 300);
            Assert.InRange(gaps[i], backoff - 1, backoff + 7);
        }

        // Few enough for weeks: no more than one note each.
        Assert.InRange(attempts.Count, 35, 50);
    }

    [Fact]
    public void A_removed_mailbox_is_given_up_at_once_and_nobody_waits_for_it()
    {
        using var run = new MailboxRun();
        run.Store.SlowLoads[Alice] = TimeSpan.FromSeconds(4);
        run.Scheduler.Run(async () =>
        {
            var verdict = run.DeliverAsync(Alice, Bob);
            await run.WaitAsync(TimeSpan.FromSeconds(2) + Moment);
            run.Store.Remove(Alice);
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            Assert.InRange(run.Scheduler.Time.Now, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8));
        });
        var row = Assert.Single(run.Store.Spool.Rows.Values);
        Assert.Equal((true, "the mailbox was removed", 1), (row.IsParked, row.LastError, row.Attempts));
        run.Scheduler.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, Assert.Single(run.Store.Spool.Rows.Values).Attempts);
        CheckOnce(run, (Bob, 1));
    }

    [Fact]
    public void After_its_lifetime_a_message_is_given_up_and_kept()
    {
        using var run = new MailboxRun(spoolOptions: new SpoolOptions { Lifetime = TimeSpan.FromHours(2) });
        run.Store.Unreadable.Add(Alice);
        run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.Zero, CancellationToken.None, Alice));
        run.Scheduler.Advance(TimeSpan.FromMinutes(119));
        Assert.False(Assert.Single(run.Store.Spool.Rows.Values).IsParked);
        run.Scheduler.Advance(TimeSpan.FromMinutes(10));
        Assert.True(Assert.Single(run.Store.Spool.Rows.Values).IsParked);
    }

    [Fact]
    public void A_mailbox_with_very_many_rows_keeps_no_other_waiting_and_is_read_in_pages()
    {
        using var run = new MailboxRun(spoolOptions: new SpoolOptions { VisitsMax = 1 });
        run.Store.Crash(durable: 0);
        for (var i = 0; i < 5000; i++)
        {
            run.Store.Spool.Write(new StoreOperation.InsertSpool(Row(run, Alice)));
        }

        run.Store.Spool.Write(new StoreOperation.InsertSpool(Row(run, Bob)));
        run.Start();
        run.Scheduler.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Single(run.Store.Rows(Bob));
        Assert.InRange(run.Store.Rows(Alice).Count, 1, 4000);
        run.Scheduler.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(5000, run.Store.Rows(Alice).Count);
        Assert.Equal(32, run.Store.Spool.LargestRead);
        Assert.Empty(run.Store.Spool.Rows);
    }

    [Fact]
    public void A_store_that_cannot_be_read_for_a_while_costs_a_while()
    {
        using var run = new MailboxRun();
        run.Store.SlowLoads[Alice] = TimeSpan.FromSeconds(3);
        run.Scheduler.Run(() => run.AcceptAsync(TimeSpan.Zero, CancellationToken.None, Alice));
        run.Store.Spool.ReadsToFail = 10;
        run.Scheduler.Advance(TimeSpan.FromMinutes(2));
        CheckOnce(run, (Alice, 1));
    }

    private static SpoolRow Row(MailboxRun run, MailboxId mailbox) => new(
        run.Store.Spool.NextId(), mailbox, run.Store.NextId(), 10, 10,
        new SpoolEnvelope("", "a@example.test", SmtpBodyKind.SevenBit, false, null),
        run.Scheduler.Time.GetUtcNow(), 0, run.Scheduler.Time.GetUtcNow(), null);

    /// <summary>Each mailbox has so many messages, no body twice, and nothing was refused by the store.</summary>
    private static void CheckOnce(MailboxRun run, params ReadOnlySpan<(MailboxId Mailbox, int Messages)> expected)
    {
        foreach (var (mailbox, messages) in expected)
        {
            var bodies = run.Store.Rows(mailbox).Select(row => row.Body).ToList();
            Assert.Equal(messages, bodies.Count);
            Assert.Equal(messages, bodies.Distinct().Count());
        }

        Assert.Empty(run.Store.Refusals);
        Assert.DoesNotContain(run.Store.Spool.Rows.Values, row => !row.IsParked);
    }
}
