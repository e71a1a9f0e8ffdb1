using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of what waits for its mailbox (I1, I2).</summary>
public abstract class SpoolSuite(IStoreEngine engine) : StoreSuite(engine)
{
    private static readonly SpoolEnvelope Envelope =
        new("sender@elsewhere.test", "Alice@Example.test", SmtpBodyKind.BinaryMime, true, "bob@example.test");

    [Fact]
    public async Task A_row_comes_back_as_it_was_put_there_also_after_a_crash()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var row = Row(alice, body);
        var bare = Row(alice, body) with
        {
            Envelope = new("", "alice@example.test", SmtpBodyKind.SevenBit, false, null),
            NextAttempt = null,
            LastError = "why",
            Attempts = 7,
            Traits = MessageTraits.Binary | MessageTraits.Utf8Header,
        };
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(body, Insert(row), Insert(bare)));

        await CrashAsync();

        Assert.Equal(row, await Store.Spool.FindAsync(row.Id, Token));
        Assert.Equal(bare, await Store.Spool.FindAsync(bare.Id, Token));
        Assert.Equal(2, Store.Spool.Count);
        Assert.True(Store.Spool.NextId().Value > bare.Id.Value);
    }

    [Fact]
    public async Task A_row_without_a_body_is_refused()
    {
        var alice = await Store.AddUserAsync();
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(Insert(Row(alice, Store.Body("never inserted")))));
        Assert.Equal(0, Store.Spool.Count);
    }

    [Fact]
    public async Task A_row_is_taken_once_and_what_would_come_with_it_a_second_time_is_not_written()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var row = Row(alice, body);
        await Store.CommitAsync(body, Insert(row));

        var take = new StoreOperation.TakeSpooled(row.Id);
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(take, StoreSteps.Message(alice, 1, body)));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(take, StoreSteps.Message(alice, 2, body)));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(StoreSteps.Message(alice, 2, body), take));

        Assert.Equal(1, Assert.Single(await Store.NumbersAsync(alice)));
        Assert.Null(await Store.Spool.FindAsync(row.Id, Token));
        Assert.Equal(0, Store.Spool.Count);
        Assert.Equal("text", await Store.TextAsync(body.Body));
    }

    [Fact]
    public async Task Two_deliveries_of_one_row_in_one_batch_give_one_message()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var row = Row(alice, body);
        await Store.CommitAsync(body, Insert(row));
        var take = new StoreOperation.TakeSpooled(row.Id);
        for (var round = 0; round < 20; round++)
        {
            var outcomes = await Task.WhenAll(
                Store.CommitAsync(take, StoreSteps.Message(alice, 10 * round, body)),
                Store.CommitAsync(take, StoreSteps.Message(alice, (10 * round) + 5, body)));
            Assert.Equal(round == 0 ? 1 : 0, outcomes.Count(outcome => outcome == CommitOutcome.Committed));
        }

        Assert.Single(await Store.NumbersAsync(alice));
        Assert.Equal(0, Store.Spool.Count);
    }

    [Fact]
    public async Task A_refused_unit_leaves_its_rows_and_the_count_as_they_were()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var row = Row(alice, body);
        await Store.CommitAsync(body, Insert(row));
        var other = Store.Body("other");

        var refused = Store.CommitAsync(
            new StoreOperation.TakeSpooled(row.Id), StoreSteps.Message(new MailboxId(4711), 1, body));
        var inserted = Store.CommitAsync(other, Insert(Row(alice, other)), Insert(Row(alice, other)));
        Assert.Equal(CommitOutcome.Refused, await refused);
        Assert.Equal(CommitOutcome.Committed, await inserted);

        Assert.Equal(3, Store.Spool.Count);
        Assert.NotNull(await Store.Spool.FindAsync(row.Id, Token));
    }

    [Fact]
    public async Task A_body_is_kept_while_a_row_refers_to_it_and_swept_when_none_does()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var (first, second) = (Row(alice, body), Row(alice, body));
        await Store.CommitAsync(body, Insert(first), Insert(second));
        await Store.CommitAsync(new StoreOperation.TakeSpooled(first.Id), StoreSteps.Message(alice, 1, body));
        await Store.CommitAsync(StoreSteps.Removal(alice, 3, 1));
        Time.Move(TimeSpan.FromHours(25));
        Assert.Equal(0, await Engine.SweepAsync(Store));
        Assert.Equal("text", await Store.TextAsync(body.Body));

        await Store.CommitAsync(new StoreOperation.TakeSpooled(second.Id));
        Time.Move(TimeSpan.FromHours(25));
        Assert.Equal(1, await Engine.SweepAsync(Store));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Store.TextAsync(body.Body));
    }

    [Fact]
    public async Task A_deferred_row_is_due_when_it_says_so_and_a_row_that_is_gone_needs_no_note()
    {
        var alice = await Store.AddUserAsync();
        var body = Store.Body("text");
        var row = Row(alice, body);
        await Store.CommitAsync(body, Insert(row));
        var later = row.Queued + TimeSpan.FromMinutes(1);
        Assert.Equal(
            CommitOutcome.Committed,
            await Store.CommitAsync(
                new StoreOperation.DeferSpooled(row.Id, 1, later, "not now"),
                new StoreOperation.DeferSpooled(new SpoolId(4711), 1, later, "not there")));

        Assert.Empty(await Store.Spool.ListDueAsync(alice, later - TimeSpan.FromMilliseconds(1), 10, Token));
        var due = Assert.Single(await Store.Spool.ListDueAsync(alice, later, 10, Token));
        Assert.Equal(row with { Attempts = 1, NextAttempt = later, LastError = "not now" }, due);

        await Store.CommitAsync(new StoreOperation.DeferSpooled(row.Id, 2, null, "never"));
        Assert.Empty(await Store.Spool.ListDueAsync(alice, DateTimeOffset.MaxValue, 10, Token));
        Assert.Null(await Store.Spool.FindOldestAsync(Token));
        Assert.True((await Store.Spool.FindAsync(row.Id, Token))!.IsParked);
    }

    [Fact]
    public async Task Mailboxes_with_something_due_are_found_page_by_page_each_once()
    {
        var users = new List<MailboxId>();
        var body = Store.Body("text");
        var operations = new List<StoreOperation> { body };
        for (var user = 0; user < 25; user++)
        {
            var mailbox = await Store.AddUserAsync($"user{user}");
            users.Add(mailbox);
            for (var row = 0; row <= user; row++)
            {
                // Every other mailbox has one row that is due, among others that are not.
                var isDue = user % 2 == 0 && row == user / 2;
                operations.Add(Insert(Row(mailbox, body) with
                {
                    NextAttempt = StoreSteps.Received + TimeSpan.FromMinutes(isDue ? 0 : 5),
                }));
            }
        }

        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync([.. operations]));
        foreach (var limit in new[] { 1, 3, 25, 100 })
        {
            var found = new List<MailboxId>();
            MailboxId? from = null;
            do
            {
                var page = await Store.Spool.ListMailboxesAsync(from, StoreSteps.Received, limit, Token);
                Assert.InRange(page.Due.Length, 0, limit);
                found.AddRange(page.Due);
                from = page.Next;
            }
            while (from is not null);
            Assert.Equal(
                users.Where((_, at) => at % 2 == 0).OrderBy(mailbox => (mailbox.Shard, mailbox.Value)), found);
        }
    }

    [Fact]
    public async Task A_list_is_paged_by_id_and_filtered()
    {
        var alice = await Store.AddUserAsync();
        var bob = await Store.AddUserAsync("bob");
        var body = Store.Body("text");
        SpoolRow[] rows =
        [
            Row(alice, body),
            Row(bob, body) with { Envelope = Envelope with { Recipient = "bob@example.test" } },
            Row(alice, body) with { Envelope = Envelope with { Recipient = "alias@more.example.test" } },
        ];
        await Store.CommitAsync([body, .. rows.Select(Insert)]);

        Assert.Equal(rows, await ListAsync(new SpoolFilter()));
        Assert.Equal(rows[..2], await Store.Spool.ListAsync(new SpoolFilter(), default, 2, Token));
        Assert.Equal(rows[2..], await Store.Spool.ListAsync(new SpoolFilter(), rows[1].Id, 2, Token));
        Assert.Equal([rows[1]], await ListAsync(new SpoolFilter(Mailbox: bob)));
        Assert.Equal([rows[0]], await ListAsync(new SpoolFilter(Recipient: "alice@example.TEST")));
        Assert.Equal(rows[..2], await ListAsync(new SpoolFilter(Domain: "EXAMPLE.test")));
        Assert.Empty(await ListAsync(new SpoolFilter(Domain: "test")));
        Assert.Empty(await ListAsync(new SpoolFilter(Mailbox: bob, Domain: "more.example.test")));
        Assert.Equal(rows[0].Queued, await Store.Spool.FindOldestAsync(Token));

        async Task<IEnumerable<SpoolRow>> ListAsync(SpoolFilter filter) =>
            await Store.Spool.ListAsync(filter, default, 10, Token);
    }

    private static StoreOperation Insert(SpoolRow row) => new StoreOperation.InsertSpool(row);

    private SpoolRow Row(MailboxId mailbox, StoreOperation.InsertBody body) => new(
        Store.Spool.NextId(), mailbox, body.Body, (uint)body.Octets, (uint)body.Octets + 1, Envelope,
        StoreSteps.Received, 0, StoreSteps.Received, null);
}
