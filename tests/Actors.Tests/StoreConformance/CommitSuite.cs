using System.Collections.Concurrent;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of commits (I1, I3, I4, I5).</summary>
public abstract class CommitSuite(IStoreEngine engine) : StoreSuite(engine)
{
    [Fact]
    public async Task A_committed_message_is_in_its_mailbox_with_its_body()
    {
        var alice = await Store.AddUserAsync();

        var body = await Store.DeliverAsync(alice, 7, "the text");

        var image = (await Store.Mailboxes.LoadAsync(alice, CancellationToken.None))!;
        var entry = Assert.Single(image.Inbox);
        Assert.Equal((7, body.Body, 8u, 9u), (entry.Number.Value, entry.Body, entry.Octets, entry.WireOctets));
        Assert.Equal((7, 8), (image.LastNumber.Value, image.ModSeq.Value));
        var inbox = Assert.Single(image.Folders);
        Assert.Equal(("INBOX", 8u, 8L), (inbox.Name, inbox.UidNext.Value, inbox.HighestModSeq.Value));
        Assert.Equal("the text", await Store.TextAsync(body.Body));
    }

    [Fact]
    public async Task What_was_committed_is_there_after_a_crash_and_ids_go_on()
    {
        var alice = await Store.AddUserAsync();
        var last = 0L;
        for (var number = 1; number <= 50; number++)
        {
            last = (await Store.DeliverAsync(alice, number)).Body.Value;
        }

        await CrashAsync();

        Assert.Equal(50, (await Store.NumbersAsync(alice)).Length);
        Assert.True(Store.Bodies.NextId().Value > last);
        Assert.Equal(CommitOutcome.Refused, await DeliverOutcomeAsync(alice, 50));
        await Store.DeliverAsync(alice, 51);
    }

    [Fact]
    public async Task Ids_that_were_given_but_not_used_are_not_given_again_after_a_crash()
    {
        var given = Store.Bodies.NextId();

        await CrashAsync();

        Assert.True(Store.Bodies.NextId().Value > given.Value);
    }

    [Fact]
    public async Task Many_units_at_once_are_all_committed_and_told_their_own_end()
    {
        var users = new List<MailboxId>();
        for (var index = 0; index < 8; index++)
        {
            users.Add(await Store.AddUserAsync($"user{index}"));
        }

        var ended = new Ends();
        var units = Enumerable.Range(0, 400).Select(index =>
        {
            var body = Store.Body($"message {index}");
            var unit = new CommitUnit(1, body);
            Assert.True(
                unit.Contribute(Store.Committer, ended, StoreSteps.Message(users[index % 8], 1 + (index / 8), body)));
            return unit;
        }).ToList();
        await Task.WhenAll(units.Select(unit => unit.Completion));

        Assert.All(units, unit => Assert.Equal(CommitOutcome.Committed, unit.Completion.Result));
        Assert.Equal(400, ended.Of(CommitOutcome.Committed).Distinct().Count());
        foreach (var user in users)
        {
            Assert.Equal(Enumerable.Range(1, 50).Select(number => (long)number), await Store.NumbersAsync(user));
        }
    }

    [Fact]
    public async Task An_incomplete_unit_at_the_head_holds_its_place_and_what_stands_behind_it()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        var ended = new Ends();
        var first = Store.Body("for both");
        var unit = new CommitUnit(2, first);
        Assert.True(unit.Contribute(Store.Committer, ended, StoreSteps.Message(alice, 1, first)));
        var second = Store.Body("for alice");
        var behind = new CommitUnit(1, second);
        Assert.True(behind.Contribute(Store.Committer, ended, StoreSteps.Message(alice, 2, second)));

        Assert.Empty(await Store.NumbersAsync(alice));
        Assert.True(unit.Contribute(Store.Committer, ended, StoreSteps.Message(bob, 1, first)));
        await Task.WhenAll(unit.Completion, behind.Completion);

        Assert.Equal([unit, unit, behind], ended.Of(CommitOutcome.Committed));
        Assert.Equal((long[])[1, 2], await Store.NumbersAsync(alice));
        Assert.Equal((long[])[1], await Store.NumbersAsync(bob));
    }

    [Fact]
    public async Task A_unit_that_a_contributor_withdrew_from_writes_nothing()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("x");
        var unit = new CommitUnit(2, body);
        var ended = new Ends();
        Assert.True(unit.Contribute(Store.Committer, ended, StoreSteps.Message(alice, 1, body)));

        unit.Withdraw(Store.Committer);

        Assert.Equal(CommitOutcome.Refused, await unit.Completion);
        Assert.Equal([unit], ended.Of(CommitOutcome.Refused));
        Assert.Empty(await Store.NumbersAsync(alice));
    }

    [Fact]
    public async Task Only_the_guilty_units_of_a_batch_are_refused()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        var holder = new CommitUnit(2);
        Assert.True(holder.Contribute(Store.Committer, null, Store.Body("holds the batch together")));
        var units = Enumerable.Range(1, 30).Select(number =>
        {
            var body = Store.Body("x");
            var unit = new CommitUnit(1, body);
            var wrong = number % 10 == 0;
            Assert.True(unit.Contribute(
                Store.Committer, null, StoreSteps.Message(alice, number, body),
                    StoreSteps.Message(bob, wrong ? 1 : number, body)));
            return unit;
        }).ToList();
        Assert.True(holder.Contribute(Store.Committer, null));

        var outcomes = await Task.WhenAll(units.Select(unit => unit.Completion));

        Assert.Equal(CommitOutcome.Committed, await holder.Completion);
        Assert.Equal(3, outcomes.Count(outcome => outcome == CommitOutcome.Refused));
        var kept = Enumerable.Range(1, 30).Where(number => number % 10 != 0).Select(number => (long)number);
        Assert.Equal(kept, await Store.NumbersAsync(alice));
        Assert.Equal(kept, await Store.NumbersAsync(bob));
    }

    [Theory]
    [InlineData(5, 5, 99, 99)]
    [InlineData(5, 4, 99, 99)]
    [InlineData(5, 6, 5, 99)]
    [InlineData(5, 6, 6, 5)]
    public async Task A_number_uid_or_modseq_from_before_is_refused(long first, long number, uint uid, long modSeq)
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, first);
        var body = Store.Body("x");

        var outcome = await Store.CommitAsync(body, StoreSteps.Message(alice, number, body, uid, modSeq));

        Assert.Equal(CommitOutcome.Refused, outcome);
        Assert.Equal((long[])[first], await Store.NumbersAsync(alice));
    }

    [Fact]
    public async Task A_number_is_refused_after_its_message_was_removed()
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, 5);
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(StoreSteps.Removal(alice, 20, 5)));
        await CrashAsync();

        Assert.Equal(CommitOutcome.Refused, await DeliverOutcomeAsync(alice, 5));
        var image = (await Store.Mailboxes.LoadAsync(alice, CancellationToken.None))!;
        Assert.Equal((5, 20), (image.LastNumber.Value, image.ModSeq.Value));
    }

    [Fact]
    public async Task A_message_for_a_mailbox_that_is_not_there_is_refused()
    {
        Assert.Equal(CommitOutcome.Refused, await DeliverOutcomeAsync(new MailboxId(4711), 1));
        Assert.Null(await Store.Mailboxes.LoadAsync(new MailboxId(4711), CancellationToken.None));
    }

    [Fact]
    public async Task A_message_without_a_body_is_refused()
    {
        var alice = await Store.AddUserAsync();

        Assert.Equal(CommitOutcome.Refused,
            await Store.CommitAsync(StoreSteps.Message(alice, 1, Store.Body("never written"))));
        Assert.Empty(await Store.NumbersAsync(alice));
    }

    [Theory]
    [InlineData(new long[] { 1, 2, 9 })]
    [InlineData(new long[] { 1, 2, 2 })]
    [InlineData(new long[] { 9 })]
    public async Task A_removal_that_does_not_find_all_it_names_removes_nothing(long[] numbers)
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, 1);
        await Store.DeliverAsync(alice, 2);
        await Store.DeliverAsync(alice, 3);

        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(StoreSteps.Removal(alice, 30, numbers)));
        Assert.Equal((long[])[1, 2, 3], await Store.NumbersAsync(alice));
    }

    [Fact]
    public async Task A_removal_takes_what_it_names_and_nothing_else()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        for (var number = 1; number <= 6; number++)
        {
            await Store.DeliverAsync(alice, number);
            await Store.DeliverAsync(bob, number);
        }

        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(StoreSteps.Removal(alice, 30, 2, 5)));
        Assert.Equal((long[])[1, 3, 4, 6], await Store.NumbersAsync(alice));
        Assert.Equal((long[])[1, 2, 3, 4, 5, 6], await Store.NumbersAsync(bob));
    }

    protected async Task<CommitOutcome> DeliverOutcomeAsync(MailboxId mailbox, long number)
    {
        var body = Store.Body("x");
        return await Store.CommitAsync(body, StoreSteps.Message(mailbox, number, body));
    }

    private sealed class Ends : ICommitParticipant
    {
        private readonly ConcurrentQueue<(CommitUnit Unit, CommitOutcome Outcome)> _ends = [];

        public void Ended(CommitUnit unit, CommitOutcome outcome) => _ends.Enqueue((unit, outcome));

        public IEnumerable<CommitUnit> Of(CommitOutcome outcome) =>
            _ends.Where(end => end.Outcome == outcome).Select(end => end.Unit);
    }
}
