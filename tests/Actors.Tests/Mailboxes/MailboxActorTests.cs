using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Mailboxes;

public sealed class MailboxActorTests
{
    [Fact]
    public void A_message_is_shown_after_its_commit_and_not_before()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Empty((await run.OpenAsync(Alice))!.Messages);
            run.Store.IsHeld = true;
            var verdict = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(1));
            Assert.False(verdict.IsCompleted);
            Assert.Empty((await run.OpenAsync(Alice))!.Messages);

            run.Store.Resume();
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            var message = Assert.Single((await run.OpenAsync(Alice))!.Messages);
            Assert.Equal((run.LastBody, 100u, 103u), (message.Body, message.Octets, message.WireOctets));
        });
    }

    [Fact]
    public void One_generation_is_one_snapshot_and_an_old_one_stays_as_it_was()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            var first = await run.OpenAsync(Alice);
            Assert.Same(first, await run.OpenAsync(Alice));

            await run.DeliverAsync(Alice);
            await run.DeleteAsync(Alice, first!.Messages[0].Number);
            var second = await run.OpenAsync(Alice);
            Assert.Single(first.Messages);
            Assert.Single(second!.Messages);
            Assert.NotEqual(first.Messages[0], second.Messages[0]);
            Assert.True(second.Generation > first.Generation);
        });
    }

    [Fact]
    public void Generations_rise_over_passivation()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            var before = await run.OpenAsync(Alice);
            await run.WaitAsync(TimeSpan.FromMinutes(10));
            Assert.Equal(0, run.Region.Count);
            var after = await run.OpenAsync(Alice);
            Assert.Equal(before!.Generation, after!.Generation);
            Assert.Equal(before.Messages, after.Messages);
            await run.DeliverAsync(Alice);
            Assert.True((await run.OpenAsync(Alice))!.Generation > before.Generation);
        });
    }

    [Fact]
    public void Two_sessions_that_remove_the_same_message_both_succeed_and_it_goes_once()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            await run.DeliverAsync(Alice);
            await run.DeliverAsync(Alice);
            var numbers = (await run.OpenAsync(Alice))!.Messages.Select(message => message.Number).ToArray();
            var removals = new[]
            {
                run.DeleteAsync(Alice, numbers[0], numbers[1]),
                run.DeleteAsync(Alice, numbers[1], numbers[0]),
                run.DeleteAsync(Alice, numbers[0]),
            };
            Assert.All(await Task.WhenAll(removals), Assert.True);
            Assert.Equal([numbers[2].Value], Numbers(await run.OpenAsync(Alice)));
            Assert.True(await run.DeleteAsync(Alice, numbers[0]));
            Assert.Empty(run.Store.Refusals);
            Assert.Equal(2, run.Store.Removed(Alice).Count);
        });
    }

    [Fact]
    public void A_removal_that_did_not_commit_is_not_reported_as_done_by_anybody()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            var number = (await run.OpenAsync(Alice))!.Messages[0].Number;
            run.Store.IsHeld = true;
            var first = run.DeleteAsync(Alice, number);
            var second = run.DeleteAsync(Alice, number);
            await run.WaitAsync(TimeSpan.FromMilliseconds(10));
            run.Store.CommitsToFail = 1;
            run.Store.Resume();
            Assert.False(await first);
            var failed = await Assert.ThrowsAsync<AskFailedException>(() => second);
            Assert.Equal(AskFailure.Failed, failed.Why);

            Assert.Single((await run.OpenAsync(Alice))!.Messages);
            Assert.True(await run.DeleteAsync(Alice, number));
            Assert.Empty((await run.OpenAsync(Alice))!.Messages);
        });
    }

    [Fact]
    public void Numbers_rise_over_commits_that_failed()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            run.Store.CommitsToFail = 1;
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            run.Store.PlacesToRefuse = 1;
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            var given = run.Store.Given(Alice);
            Assert.Equal(3, given.Count);
            Assert.Equal(given.Order().Distinct(), given);
            Assert.Equal(given, Numbers(await run.OpenAsync(Alice)));
        });
    }

    [Fact]
    public void An_instance_that_broke_is_followed_by_one_that_has_seen_all_its_writes()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            run.Store.IsHeld = true;
            var inTheLane = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromMilliseconds(10));
            run.Store.TurnsToBreak = 1;
            Assert.False(await run.DeleteOrFailAsync(Alice));
            var opened = run.OpenAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(1));
            Assert.False(opened.IsCompleted);

            run.Store.Resume();
            Assert.Equal(AcceptVerdict.Committed, await inTheLane);
            Assert.Equal(2, (await opened)!.Messages.Length);
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            Assert.Empty(run.Store.Refusals);
        });
    }

    [Fact]
    public void A_mailbox_with_a_write_in_the_lane_is_not_passivated()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.IsHeld = true;
            var verdict = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromHours(1));
            Assert.Equal(1, run.Region.Count);
            run.Store.Resume();
            Assert.Equal(AcceptVerdict.Committed, await verdict);
            await run.WaitAsync(TimeSpan.FromHours(1));
            Assert.Equal(0, run.Region.Count);
            Assert.Single((await run.OpenAsync(Alice))!.Messages);
        });
    }

    [Fact]
    public void A_mailbox_that_cannot_be_loaded_fails_its_asks_and_is_tried_again()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.LoadsToFail = 1;
            await Assert.ThrowsAsync<AskFailedException>(() => run.OpenAsync(Alice));
            await Assert.ThrowsAsync<AskFailedException>(() => run.OpenAsync(Alice));
            Assert.Equal(1, run.Store.Loads);
            await run.WaitAsync(TimeSpan.FromSeconds(1));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
            Assert.Equal(2, run.Store.Loads);
        });
    }

    [Fact]
    public void Of_a_mailbox_that_does_not_exist_nothing_is_opened_removed_or_shown()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            var nobody = new MailboxId(4711);
            Assert.Null(await run.OpenAsync(nobody));
            Assert.False(await run.DeleteAsync(nobody, new MessageNumber(1)));
            Assert.Null(await run.Maildrops.ShowAsync(nobody, CancellationToken.None));
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(nobody));
        });
    }

    [Fact]
    public void Totals_follow_arrivals_and_removals()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            await run.DeliverAsync(Alice);
            var totals = await run.Maildrops.ShowAsync(Alice, CancellationToken.None);
            Assert.Equal(new MaildropTotals(2, 200), totals);
            await run.DeleteAsync(Alice, (await run.OpenAsync(Alice))!.Messages[0].Number);
            totals = await run.Maildrops.ShowAsync(Alice, CancellationToken.None);
            Assert.Equal(new MaildropTotals(1, 100), totals);
        });
    }

    [Fact]
    public void More_requests_than_may_wait_for_a_load_are_refused()
    {
        using var run = new MailboxRun(options: new MailboxOptions { StashCapacity = 2 });
        run.Scheduler.Run(async () =>
        {
            var asks = Enumerable.Range(0, 5).Select(_ => run.OpenAsync(Alice)).ToArray();
            await Task.WhenAll(asks.Select(ask => ask.ContinueWith(
                _ => { },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)));
            Assert.Equal(2, asks.Count(ask => ask.IsCompletedSuccessfully));
            Assert.Equal(3, asks.Count(ask => ask.Exception?.InnerException is AskFailedException
            {
                Why: AskFailure.MailboxFull,
            }));
        });
    }
}
