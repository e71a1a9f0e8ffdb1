using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>Quotas, their notices and retention, in virtual time.</summary>
public sealed class QuotaTests
{
    private const int Seeds = 100;
    private const int Threshold = 8_000;

    private static readonly MailboxLimits Limits = new(Threshold * 2, 50, null);

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_mailbox_gets_one_notice_per_crossing_over_restarts()
    {
        using var run = NewRun(1);
        run.Scheduler.Run(async () =>
        {
            await DeliverAsync(run, 7);
            Assert.Equal(0, Notices(run));
            await DeliverAsync(run, 3);
            Assert.Equal(1, Notices(run));
            Assert.True(run.Store.IsWarned(Alice));
            run.Start();
            await DeliverAsync(run, 2);
            await run.DeleteAsync(Alice, Oldest(run, 1));
            await DeliverAsync(run, 2);
            Assert.Equal(1, Notices(run));

            await run.DeleteAsync(Alice, Oldest(run, 12));
            Assert.False(run.Store.IsWarned(Alice));
            run.Start();
            await DeliverAsync(run, 10);
            Assert.Equal(2, Notices(run));
        });
        Assert.Empty(run.Store.Refusals);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_notice_that_a_crash_prevented_comes_with_the_next_load()
    {
        using var run = NewRun(1);
        run.Scheduler.Run(async () =>
        {
            await DeliverAsync(run, 7);
            run.Store.IsHeld = true;
            _ = run.DeliverAsync(Alice);
            _ = run.DeliverAsync(Alice);
            _ = run.DeliverAsync(Alice);
            await run.WaitAsync(TimeSpan.FromMilliseconds(50));
            run.Store.Crash(durable: 3);
            run.Store.IsHeld = false;
            run.Start();
            Assert.Equal(0, Notices(run));
            await run.OpenAsync(Alice);
            await run.WaitAsync(TimeSpan.FromMilliseconds(50));
            Assert.Equal(1, Notices(run));
        });
        Assert.Empty(run.Store.Refusals);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_greater_quota_has_a_crossing_of_its_own()
    {
        using var run = NewRun(1);
        run.Scheduler.Run(async () =>
        {
            await DeliverAsync(run, 10);
            Assert.Equal(1, Notices(run));
            run.Quotas.Limits = Limits with { StorageOctets = Threshold * 4 };
            run.Start();
            await DeliverAsync(run, 3);
            Assert.Equal(1, Notices(run));
            await DeliverAsync(run, 7);
            Assert.Equal(2, Notices(run));
        });
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_notice_that_the_store_does_not_take_waits_for_the_next_write_that_it_takes()
    {
        using var run = NewRun(1);
        run.Scheduler.Run(async () =>
        {
            await DeliverAsync(run, 7);
            await run.DeliverAsync(Alice);
            var loads = run.Store.Loads;
            run.Store.Failure = CommitOutcome.OutOfSpace;
            run.Store.CommitsToFail = 1000;
            await run.WaitAsync(TimeSpan.FromSeconds(10));
            Assert.Equal((0, 999, loads + 1), (Notices(run), run.Store.CommitsToFail, run.Store.Loads));
            run.Store.CommitsToFail = 0;
            await DeliverAsync(run, 1);
            Assert.Equal(1, Notices(run));
        });
    }

    [Fact]
    public void Without_a_quota_nobody_is_warned()
    {
        using var run = NewRun(1);
        run.Quotas.Limits = MailboxLimits.Inherited;
        run.Scheduler.Run(() => DeliverAsync(run, 50));
        Assert.Equal(0, Notices(run));
        Assert.False(run.Store.IsWarned(Alice));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void Random_histories_with_crashes_have_one_notice_per_crossing()
    {
        var alone = Environment.GetEnvironmentVariable("MAILCLUSTER_SEED");
        var (first, last) = alone is null ? (1, Seeds) : (int.Parse(alone, null), int.Parse(alone, null));
        var notices = 0;
        for (var seed = first; seed <= last; seed++)
        {
            try
            {
                notices += Play(seed);
            }
            catch (Exception failure)
            {
                Assert.Fail($"MAILCLUSTER_SEED={seed}: {failure}");
            }
        }

        Assert.True(notices > last - first, "Hardly anything was warned of.");
    }

    [Theory]
    [InlineData(null, 0, 0, true)]
    [InlineData(500L, 0, 4, true)]
    [InlineData(500L, 0, 5, false)]
    [InlineData(500L, 100, 4, true)]
    [InlineData(500L, 101, 4, false)]
    [InlineData(0L, 0, 0, false)]
    [Trait("Requirement", "STANXPOP3-E0003")]
    [Trait("Requirement", "EX07-RFC-1870")]
    public void A_recipient_is_refused_when_used_and_declared_octets_are_more_than_the_quota(
        long? storage, long declared, int messages, bool isTaken)
    {
        using var run = NewRun(1, messageOctets: 100);
        run.Quotas.Limits = new(storage, MailboxLimits.None, null);
        run.Scheduler.Run(() => DeliverAsync(run, messages));
        var verdict = Check(run, new QuotaPolicy(), declared, Alice);
        Assert.Equal(isTaken, verdict is RecipientVerdict.Local);
        Assert.Equal(!isTaken, verdict is RecipientVerdict.OverQuota);
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-1870")]
    public void A_full_mailbox_is_temporary_unless_configured_or_the_message_never_fits()
    {
        using var run = NewRun(1);
        run.Quotas.Limits = new(0, null, null);
        Assert.Equal(new RecipientVerdict.OverQuota(true), Check(run, new QuotaPolicy(), 0, Alice));
        run.Quotas.Limits = new(1000, null, null);
        run.Scheduler.Run(() => DeliverAsync(run, 1));
        Assert.Equal(new RecipientVerdict.OverQuota(false), Check(run, new QuotaPolicy(), 1000, Alice));
        Assert.Equal(new RecipientVerdict.OverQuota(true), Check(run, new QuotaPolicy(), 1001, Alice));
        var permanent = new QuotaPolicy { IsPermanent = true };
        Assert.Equal(new RecipientVerdict.OverQuota(true), Check(run, permanent, 1000, Alice));
    }

    [Fact]
    public void An_address_of_several_mailboxes_is_refused_when_all_are_full()
    {
        using var run = NewRun(1);
        run.Quotas.Own[Alice] = run.Quotas.Own[Bob] = new(0, null, null);
        Assert.IsType<RecipientVerdict.OverQuota>(Check(run, new QuotaPolicy(), 0, Alice, Bob));
        Assert.IsType<RecipientVerdict.Local>(Check(run, new QuotaPolicy(), 0, Alice, Bob, Carol));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [Trait("Requirement", "STANXPOP3-E0005")]
    public void Retention_removes_exactly_what_is_too_old(int seed)
    {
        var random = new Random(seed);
        using var run = NewRun(seed);
        run.Quotas.Limits = MailboxLimits.Inherited;
        run.Scheduler.Run(async () =>
        {
            for (var hours = 0; hours < 24 * 10; hours += 6)
            {
                await run.DeliverAsync(All[random.Next(3)]);
                await run.WaitAsync(TimeSpan.FromHours(6));
            }

            var cut = run.Scheduler.Time.GetUtcNow().AddDays(-5);
            var kept = All.Select(mailbox => run.Store.Rows(mailbox).Where(row => row.Date >= cut).ToArray()).ToArray();
            var all = All.Sum(mailbox => run.Store.Rows(mailbox).Count);
            var snapshot = await run.OpenAsync(Alice);
            var count = snapshot!.Messages.Length;

            Assert.Equal(0, await run.SweepAsync(36_500));
            Assert.Equal(all - kept.Sum(rows => rows.Length), await run.SweepAsync(5));
            Assert.Equal(0, await run.SweepAsync(5));

            Assert.Equal(kept, All.Select(mailbox => run.Store.Rows(mailbox).ToArray()));
            Assert.Equal(count, snapshot.Messages.Length);
        });
        Assert.Empty(run.Store.Refusals);
    }

    private static int Play(int seed)
    {
        var random = new Random(seed);
        using var run = NewRun(seed);
        run.Store.CommitTime = TimeSpan.FromMilliseconds(seed % 3);
        run.Scheduler.Run(async () =>
        {
            for (var step = 0; step < 60; step++)
            {
                // Some of it at once, some after the other; what a crash ends is never answered.
                var done = random.Next(8) switch
                {
                    < 5 => run.DeliverAsync(random.Next(2) == 0 ? [Alice] : [Alice, Bob]),
                    5 when run.Store.Rows(Alice).Count > 3 =>
                        DeleteAsync(run, random.Next(1, run.Store.Rows(Alice).Count)),
                    6 => run.OpenAsync(Alice),
                    _ => Task.CompletedTask,
                };
                if (random.Next(12) == 0)
                {
                    run.Store.Crash(random.Next(3));
                    run.Start();
                }
                else if (random.Next(2) == 0)
                {
                    await Task.WhenAny(done, run.WaitAsync(TimeSpan.FromSeconds(40)));
                }

                if (random.Next(15) == 0)
                {
                    run.Store.CommitsToFail = 1;
                }
            }

            run.Store.CommitsToFail = 0;
            await run.WaitAsync(TimeSpan.FromMinutes(1));
            run.Start();
            await run.OpenAsync(Alice);
            await run.WaitAsync(TimeSpan.FromSeconds(5));
        });

        Assert.Empty(run.Store.Refusals);
        var isArmed = true;
        var before = 0L;
        foreach (var (octets, isNotice) in run.Store.Sizes(Alice))
        {
            isArmed |= octets < Threshold;
            if (isNotice)
            {
                Assert.True(isArmed, "A second notice for one crossing.");
                Assert.True(before >= Threshold, "A notice without a crossing.");
                isArmed = false;
            }

            before = octets;
        }

        Assert.False(isArmed && before >= Threshold, "A crossing without a notice.");
        Assert.Equal(before >= Threshold, run.Store.IsWarned(Alice));
        return Notices(run);
    }

    private static MailboxRun NewRun(int seed, uint messageOctets = 1000)
    {
        var run = new MailboxRun((ulong)seed) { MessageOctets = messageOctets };
        run.Quotas.Limits = Limits;
        return run;
    }

    private static RecipientVerdict Check(
        MailboxRun run, QuotaPolicy policy, long declared, params MailboxId[] mailboxes)
    {
        using var meters = new QuietMeters();
        using var quotas = new MailboxQuotas(run.Quotas, policy, run.Scheduler.Time, new QuotaMetrics(meters));
        return run.Scheduler.Run(
            () => quotas.CheckAsync(new([.. mailboxes]), declared, CancellationToken.None).AsTask());
    }

    private static async Task DeliverAsync(MailboxRun run, int messages)
    {
        for (; messages > 0; messages--)
        {
            Assert.Equal(AcceptVerdict.Committed, await run.DeliverAsync(Alice));
        }

        // The notice is nobody's to wait for.
        await run.WaitAsync(TimeSpan.FromMilliseconds(50));
    }

    private static async Task DeleteAsync(MailboxRun run, int messages)
    {
        try
        {
            await run.DeleteAsync(Alice, Oldest(run, messages));
        }
        catch (AskFailedException)
        {
            // Nobody knows; the store is asked at the end.
        }
    }

    private static MessageNumber[] Oldest(MailboxRun run, int messages) =>
        [.. run.Store.Rows(Alice).Take(messages).Select(row => new MessageNumber(row.Number))];

    private static int Notices(MailboxRun run) => run.Store.Sizes(Alice).Count(size => size.IsNotice);
}
