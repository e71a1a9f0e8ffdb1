using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Delivery;

public sealed class MessageAcceptorTests
{
    [Fact]
    public void A_message_for_several_mailboxes_is_one_unit_with_one_body()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Carol, Alice, Bob, Alice));
            foreach (var mailbox in new[] { Alice, Bob, Carol })
            {
                Assert.Equal(run.LastBody, Assert.Single((await run.OpenAsync(mailbox))!.Messages).Body);
            }

            var unit = Assert.Single(run.Store.Ended);
            Assert.Single(unit.Operations.OfType<StoreOperation.InsertBody>());
            Assert.Equal(3, unit.Operations.OfType<StoreOperation.InsertMessage>().Count());
        });
    }

    [Fact]
    public void When_the_commit_fails_no_mailbox_has_the_message()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.CommitsToFail = 1;
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice, Bob));
            Assert.Empty((await run.OpenAsync(Alice))!.Messages);
            Assert.Empty((await run.OpenAsync(Bob))!.Messages);
        });
    }

    [Fact]
    public void A_full_lane_is_a_temporary_failure_for_all_recipients()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.PlacesToRefuse = 1;
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice, Bob));
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice, Bob));
            Assert.Single((await run.OpenAsync(Alice))!.Messages);
            Assert.Single((await run.OpenAsync(Bob))!.Messages);
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void When_one_recipient_was_removed_after_rcpt_the_others_get_the_message(bool wasLoaded)
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            if (wasLoaded)
            {
                await run.OpenAsync(Bob);
            }

            run.Store.Remove(Bob);
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice, Bob, Carol));
            Assert.Single((await run.OpenAsync(Alice))!.Messages);
            Assert.Single((await run.OpenAsync(Carol))!.Messages);
            Assert.Null(await run.OpenAsync(Bob));
        });
    }

    [Fact]
    public void When_all_recipients_were_removed_the_message_is_not_accepted()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.OpenAsync(Alice);
            run.Store.Remove(Alice);
            run.Store.Remove(Bob);
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice));
            Assert.Equal(AcceptVerdict.Unavailable, await run.DeliverAsync(Alice, Bob));
        });
    }

    [Fact]
    public void A_mailbox_that_breaks_in_its_turn_costs_a_retry_and_not_the_message()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.TurnsToBreak = 1;
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice, Bob));
            Assert.Single((await run.OpenAsync(Alice))!.Messages);
            Assert.Single((await run.OpenAsync(Bob))!.Messages);
        });
    }

    [Fact]
    public void The_verdict_waits_for_the_commit_however_long_it_takes()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.IsHeld = true;
            var lone = run.DeliverAsync(Alice);
            var shared = run.DeliverAsync(Alice, Bob);
            await run.WaitAsync(TimeSpan.FromHours(1));
            Assert.False(lone.IsCompleted || shared.IsCompleted);
            run.Store.Resume();
            Assert.Equal(AcceptVerdict.Committed, await lone);
            Assert.Equal(AcceptVerdict.Committed, await shared);
        });
    }

    [Fact]
    public void A_store_that_is_full_says_so()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.Failure = CommitOutcome.OutOfSpace;
            run.Store.CommitsToFail = 1;
            Assert.Equal(AcceptVerdict.OutOfResources, await run.DeliverAsync(Alice, Bob));
        });
    }

    [Fact]
    public void Messages_that_share_mailboxes_in_any_order_all_commit_and_in_the_order_of_numbers()
    {
        for (var seed = 1ul; seed <= 40; seed++)
        {
            using var run = new MailboxRun(seed);
            run.Scheduler.Run(async () =>
            {
                await run.DeliverAsync(Alice, Bob, Carol);
                var loads = run.Store.Loads;
                var verdicts = new List<Task<AcceptVerdict>>();
                for (var i = 0; i < 10; i++)
                {
                    verdicts.Add(run.DeliverAsync(Alice, Bob));
                    verdicts.Add(run.DeliverAsync(Bob));
                    verdicts.Add(run.DeliverAsync(Carol, Bob));
                    verdicts.Add(run.DeliverAsync(Carol, Alice));
                    verdicts.Add(run.DeliverAsync(Alice));
                }

                Assert.All(await Task.WhenAll(verdicts), verdict => Assert.Equal(AcceptVerdict.Committed, verdict));
                Assert.Empty(run.Store.Refusals);
                Assert.Equal(loads, run.Store.Loads);
                Assert.Equal(31, run.Store.Rows(Alice).Count);
                Assert.Equal(31, run.Store.Rows(Bob).Count);
                Assert.Equal(21, run.Store.Rows(Carol).Count);
            });
        }
    }

    [Fact]
    public void A_mailbox_that_loads_again_while_it_holds_a_delivery_gives_that_up_first()
    {
        for (var seed = 1ul; seed <= 300; seed++)
        {
            using var run = new MailboxRun(seed);
            run.Scheduler.Run(async () =>
            {
                await run.DeliverAsync(Alice, Bob, Carol);
                run.Store.CommitTime = run.Store.LoadTime = TimeSpan.Zero;
                run.Store.CommitsToFail = 2;
                var verdicts = new List<Task<AcceptVerdict>>();
                for (var i = 0; i < 6; i++)
                {
                    verdicts.Add(run.DeliverAsync(Alice));
                    verdicts.Add(run.DeliverAsync(Alice, Bob, Carol));
                }

                var committed = (await Task.WhenAll(verdicts)).Count(verdict => verdict == AcceptVerdict.Committed);
                Assert.True(run.Store.Refusals.Count == 0, $"seed {seed}: {run.Store.Refusals.FirstOrDefault()}");
                Assert.Equal(1 + committed, run.Store.Rows(Alice).Count);
            });
        }
    }
}
