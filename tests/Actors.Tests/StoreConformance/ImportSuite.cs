using System.Text;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of messages from other servers.</summary>
public abstract class ImportSuite(IStoreEngine engine) : StoreSuite(engine)
{
    private const string Foreign = "000000016b0179d1";

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0009")]
    [Trait("Requirement", "STANXPOP3-C0007")]
    public async Task A_foreign_unique_id_is_kept_to_the_letter_over_a_crash()
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, 1);
        Assert.Equal(CommitOutcome.Committed, await ImportAsync(alice, 2, "a", Foreign));
        Assert.Equal(CommitOutcome.Committed, await ImportAsync(alice, 3, "b", "!~" + new string('x', 68)));

        await CrashAsync();

        var image = (await Store.Mailboxes.LoadAsync(alice, Token))!;
        Assert.Equal(["", Foreign, "!~" + new string('x', 68)], image.Inbox.Select(entry =>
            Encoding.ASCII.GetString(image.ForeignUniqueIds!.Of(entry.Number))));
    }

    [Fact]
    public async Task A_mailbox_without_foreign_unique_ids_has_nothing_of_them()
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, 1);

        var image = (await Store.Mailboxes.LoadAsync(alice, Token))!;

        Assert.Null(image.ForeignUniqueIds);
        Assert.Empty(image.TakenNumbers);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0008")]
    public async Task A_foreign_unique_id_is_taken_once_even_when_its_message_is_gone()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        await ImportAsync(alice, 1, "a", Foreign);
        Assert.Equal(CommitOutcome.Refused, await ImportAsync(alice, 2, "b", Foreign));
        Assert.Equal(
            CommitOutcome.Committed, await Store.CommitAsync(StoreSteps.Removal(alice, 3, 1)));

        Assert.Equal(CommitOutcome.Refused, await ImportAsync(alice, 4, "b", Foreign));
        Assert.Equal(ImportStanding.UniqueIdTaken, await FindAsync(alice, "b", Foreign));
        Assert.Equal(CommitOutcome.Committed, await ImportAsync(bob, 4, "b", Foreign));
        Assert.Equal(CommitOutcome.Committed, await ImportAsync(alice, 5, "b", Foreign.ToUpperInvariant()));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0008")]
    public async Task Numbers_that_foreign_unique_ids_look_like_are_known_after_a_removal()
    {
        var alice = await Store.AddUserAsync();
        await ImportAsync(alice, 1, "a", "6612345600000001");
        await ImportAsync(alice, 2, "b", "15");
        await ImportAsync(alice, 3, "c", "006612345600000002");
        await Store.CommitAsync(StoreSteps.Removal(alice, 5, 1, 2));

        var image = (await Store.Mailboxes.LoadAsync(alice, Token))!;

        Assert.Equal([6612345600000001], image.TakenNumbers.Select(number => number.Value));
    }

    [Fact]
    public async Task A_source_s_message_is_taken_once_and_its_mark_comes_with_the_message()
    {
        var alice = await Store.AddUserAsync();
        Assert.Equal(ImportStanding.New, await FindAsync(alice, "a"));
        Assert.Equal(CommitOutcome.Committed, await ImportAsync(alice, 1, "a"));
        Assert.Equal(CommitOutcome.Refused, await ImportAsync(alice, 2, "a"));

        // Refused for another reason: no mark stays.
        Assert.Equal(CommitOutcome.Refused, await ImportAsync(alice, 1, "b"));
        await CrashAsync();

        Assert.Equal(ImportStanding.Imported, await FindAsync(alice, "a"));
        Assert.Equal(ImportStanding.New, await FindAsync(alice, "b"));
        Assert.Equal((long[])[1], await Store.NumbersAsync(alice));
    }

    [Fact]
    public async Task Marks_are_forgotten_after_90_days_and_foreign_unique_ids_never()
    {
        var alice = await Store.AddUserAsync();
        await ImportAsync(alice, 1, "a", Foreign);
        Time.Move(TimeSpan.FromDays(89));
        await Engine.SweepAsync(Store);
        Assert.Equal(ImportStanding.Imported, await FindAsync(alice, "a", Foreign));

        Time.Move(TimeSpan.FromDays(2));
        await Engine.SweepAsync(Store);

        Assert.Equal(ImportStanding.New, await FindAsync(alice, "a"));
        Assert.Equal(ImportStanding.UniqueIdTaken, await FindAsync(alice, "a", Foreign));
    }

    [Fact]
    public async Task Marks_and_foreign_unique_ids_go_with_their_mailbox()
    {
        var alice = await Store.AddUserAsync();
        await ImportAsync(alice, 1, "a", Foreign);

        await Store.Directory.RemoveAccountAsync("alice", "example.test", Token);

        Assert.Equal(ImportStanding.New, await FindAsync(alice, "a", Foreign));
    }

    private async Task<ImportStanding> FindAsync(MailboxId mailbox, string key, string? foreign = null) =>
        await Store.Mailboxes.FindImportAsync(mailbox, key, foreign, Token);

    private Task<CommitOutcome> ImportAsync(MailboxId mailbox, long number, string key, string? foreign = null)
    {
        var body = Store.Body("Subject: x\r\n\r\nhello\r\n");
        return Store.CommitAsync(
            body,
            new StoreOperation.RecordImport(mailbox, key),
            StoreSteps.Message(mailbox, number, body) with { ForeignUniqueId = foreign });
    }
}
