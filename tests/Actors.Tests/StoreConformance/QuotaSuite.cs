using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of limits and of what is measured against them.</summary>
public abstract class QuotaSuite(IStoreEngine engine) : StoreSuite(engine)
{
    private static readonly LimitTarget Tenant = new LimitTarget.Tenant("DEMO");
    private static readonly LimitTarget Domain = new LimitTarget.Domain("Example.TEST");
    private static readonly LimitTarget Alice = new LimitTarget.Account("ALICE", "example.test");

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0003")]
    public async Task Limits_are_kept_at_the_level_where_they_were_set_over_a_crash()
    {
        var mailbox = await Store.AddUserAsync();
        Assert.Null(await Store.Quotas.ShortestRetentionAsync(Token));
        var changes = 0;
        Store.Quotas.Changed += () => changes++;
        await SetAsync(Tenant, new(1000, 80, null));
        await SetAsync(Domain, new(MailboxLimits.None, null, 30));
        await SetAsync(Alice, new(MailboxLimits.StorageOctetsMax, null, null));
        await SetAsync(Alice, new(0, null, 7));
        Assert.Equal(4, changes);

        await CrashAsync();

        Assert.Equal(7, await Store.Quotas.ShortestRetentionAsync(Token));
        var levels = new LimitLevels(
            "alice@example.test", new(1000, 80, null), new(MailboxLimits.None, null, 30), new(0, null, 7), mailbox);
        Assert.Equal(levels, await Store.Quotas.FindAsync(Alice, Token));
        Assert.Equal(levels, await Store.Quotas.FindAsync(new LimitTarget.Mailbox(mailbox), Token));
        Assert.Equal(
            levels with { Name = "example.test", Mailbox = MailboxLimits.Inherited, Id = null },
            await Store.Quotas.FindAsync(Domain, Token));
        Assert.Equal(
            new("demo", new(1000, 80, null), MailboxLimits.Inherited, MailboxLimits.Inherited, null),
            await Store.Quotas.FindAsync(Tenant, Token));
    }

    [Fact]
    public async Task Limits_of_what_does_not_exist_are_not_found()
    {
        await Store.AddUserAsync();
        foreach (var target in (LimitTarget[])[
            new LimitTarget.Tenant("nobody"), new LimitTarget.Domain("elsewhere.test"),
            new LimitTarget.Account("bob", "example.test"), new LimitTarget.Mailbox(new MailboxId(4711))])
        {
            Assert.Null(await Store.Quotas.FindAsync(target, Token));
            Assert.Equal(
                DirectoryChange.NotFound, await Store.Quotas.ChangeAsync(target, limits => limits, Token));
        }
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0003")]
    public async Task Octets_are_counted_with_every_commit_and_not_with_one_that_is_refused()
    {
        var mailbox = await Store.AddUserAsync();
        await Store.DeliverAsync(mailbox, 1, new string('a', 100));
        await Store.DeliverAsync(mailbox, 2, new string('b', 50));
        Assert.Equal(150, await UsedAsync(mailbox));

        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(StoreSteps.Removal(mailbox, 4, 1, 3)));
        Assert.Equal(150, await UsedAsync(mailbox));
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(StoreSteps.Removal(mailbox, 4, 1)));
        Assert.Equal(50, await UsedAsync(mailbox));
        await CrashAsync();
        Assert.Equal(50, await UsedAsync(mailbox));

        await Store.Directory.RemoveAccountAsync("alice", "example.test", Token);
        Assert.Equal(0, await UsedAsync(mailbox));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public async Task The_mark_of_a_warning_goes_with_the_removal_that_makes_room_enough()
    {
        var mailbox = await Store.AddUserAsync();
        await Store.DeliverAsync(mailbox, 1, new string('a', 100));
        await Store.DeliverAsync(mailbox, 2, new string('b', 50));
        await Store.DeliverAsync(mailbox, 3, new string('c', 50));
        Assert.False(await IsWarnedAsync(mailbox));
        await Store.CommitAsync(new StoreOperation.MarkWarned(mailbox));
        Assert.True(await IsWarnedAsync(mailbox));

        var rearm = new StoreOperation.RearmWarning(mailbox, 150);
        await Store.CommitAsync(StoreSteps.Removal(mailbox, 5, 2), rearm);
        await CrashAsync();
        Assert.True(await IsWarnedAsync(mailbox));
        await Store.CommitAsync(StoreSteps.Removal(mailbox, 6, 3), rearm);
        await CrashAsync();
        Assert.False(await IsWarnedAsync(mailbox));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0005")]
    public async Task Only_mailboxes_that_may_hold_old_messages_are_named_by_their_own_retention()
    {
        var old = StoreSteps.Received;
        var now = old.AddDays(10);
        var alice = await Store.AddUserAsync();
        var bob = await Store.AddUserAsync("bob");
        await Store.AddUserAsync("carol");
        await Store.DeliverAsync(alice, 1);
        await Store.DeliverAsync(bob, 1);
        Assert.Empty((await CandidatesAsync(null, now)).Candidates);
        Assert.Equal([alice, bob], (await CandidatesAsync(9, now)).Candidates.Select(one => one.Mailbox));
        Assert.Empty((await CandidatesAsync(10, now)).Candidates);

        await SetAsync(Domain, new(null, null, 5));
        await SetAsync(Alice, new(null, null, MailboxLimits.None));
        Assert.Equal([new(bob, now.AddDays(-5))], (await CandidatesAsync(null, now)).Candidates.AsEnumerable());
        await SetAsync(Alice, new(null, null, 9));
        Assert.Equal([now.AddDays(-9), now.AddDays(-5)],
            (await CandidatesAsync(null, now)).Candidates.Select(one => one.Before));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0005")]
    public async Task Pages_of_candidates_meet_without_a_gap()
    {
        var users = new List<MailboxId>();
        for (var i = 0; i < 5; i++)
        {
            users.Add(await Store.AddUserAsync($"user{i}"));
            await Store.DeliverAsync(users[^1], 1);
        }

        var named = new List<MailboxId>();
        for (MailboxId? from = new MailboxId(0); from is { } after;)
        {
            var page = await Store.Quotas.ListRetentionAsync(after, 1, StoreSteps.Received.AddDays(2), 2, Token);
            named.AddRange(page.Candidates.Select(one => one.Mailbox));
            from = page.Next;
        }

        Assert.Equal(users, named);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0005")]
    public async Task Old_messages_are_listed_whatever_their_order_and_a_swept_mailbox_is_not_named_again()
    {
        var old = StoreSteps.Received;
        var mailbox = await Store.AddUserAsync();
        foreach (var (number, age) in ((int, int)[])[(1, 3), (2, 20), (3, 4), (4, 30), (5, 40)])
        {
            await InsertAsync(mailbox, number, old.AddDays(-age));
        }

        var some = await Store.Quotas.ListExpiredAsync(mailbox, old.AddDays(-10), 2, Token);
        Assert.Equal([2, 4], some.Numbers.Select(number => number.Value));
        Assert.Equal((false, null), (some.IsAll, some.OldestKept));
        var all = await Store.Quotas.ListExpiredAsync(mailbox, old.AddDays(-10), 3, Token);
        Assert.Equal([2, 4, 5], all.Numbers.Select(number => number.Value));
        Assert.Equal((true, old.AddDays(-4)), (all.IsAll, all.OldestKept));

        await Store.CommitAsync(StoreSteps.Removal(mailbox, 7, 2, 4, 5));
        Assert.Single((await CandidatesAsync(10, old)).Candidates);
        var raise = new StoreOperation.RaiseOldest(mailbox, FolderId.Inbox, all.OldestKept, all.LastNumber);
        await Store.CommitAsync(raise);
        Assert.Empty((await CandidatesAsync(10, old)).Candidates);
        Assert.Single((await CandidatesAsync(3, old)).Candidates);

        // What arrived since the list was made may be older: the date is not raised over it.
        await InsertAsync(mailbox, 8, old.AddDays(-50));
        await Store.CommitAsync(raise);
        await CrashAsync();
        Assert.Single((await CandidatesAsync(10, old)).Candidates);
    }

    private async Task InsertAsync(MailboxId mailbox, long number, DateTimeOffset date)
    {
        var body = Store.Body("text");
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(
            body, StoreSteps.Message(mailbox, number, body) with { InternalDate = date }));
    }

    private Task<DirectoryChange> SetAsync(LimitTarget target, MailboxLimits limits) =>
        Store.Quotas.ChangeAsync(target, _ => limits, Token);

    private ValueTask<long> UsedAsync(MailboxId mailbox) => Store.Quotas.UsedOctetsAsync(mailbox, Token);

    private async Task<bool> IsWarnedAsync(MailboxId mailbox) =>
        (await Store.Mailboxes.LoadAsync(mailbox, Token))!.IsWarned;

    private ValueTask<RetentionPage> CandidatesAsync(int? presetDays, DateTimeOffset now) =>
        Store.Quotas.ListRetentionAsync(new MailboxId(0), presetDays, now, 100, Token);
}
