using System.Text;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Tests.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Xunit;
using static MailCluster.Actors.Tests.Mailboxes.MailboxRun;

namespace MailCluster.Actors.Tests.Delivery;

public sealed class MessageImporterTests
{
    [Fact]
    public void A_message_of_a_source_comes_once_however_often_it_is_sent()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            Assert.Equal(ImportVerdict.Stored, await run.ImportAsync("a"));
            Assert.Equal(ImportVerdict.AlreadyThere, await run.ImportAsync("a"));
            var together = await Task.WhenAll(run.ImportAsync("b"), run.ImportAsync("b"), run.ImportAsync("c"));

            Assert.Equal([ImportVerdict.Stored, ImportVerdict.AlreadyThere, ImportVerdict.Stored], together);
            Assert.Equal(3, run.Store.Rows(Alice).Count);
        });
    }

    [Fact]
    public void After_a_commit_that_failed_it_can_be_sent_again()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            run.Store.CommitsToFail = 1;
            Assert.Equal(ImportVerdict.Unavailable, await run.ImportAsync("a", "x1"));
            run.Store.PlacesToRefuse = 1;
            Assert.Equal(ImportVerdict.Unavailable, await run.ImportAsync("a", "x1"));
            Assert.Equal(ImportVerdict.Stored, await run.ImportAsync("a", "x1"));
            Assert.Single(run.Store.Rows(Alice));
        });
    }

    [Fact]
    public void Messages_keep_the_order_in_which_they_were_handed_over()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            var verdicts = await Task.WhenAll(
                Enumerable.Range(0, 64).Select(index => run.ImportAsync($"k{index}", $"id{index}")));

            Assert.All(verdicts, verdict => Assert.Equal(ImportVerdict.Stored, verdict));
            Assert.Equal(Enumerable.Range(0, 64).Select(index => $"id{index}"), Shown(await run.OpenAsync(Alice)));
        });
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0008")]
    public void A_decimal_id_that_a_message_of_ours_has_or_may_have_had_is_refused()
    {
        using var run = new MailboxRun();
        run.Scheduler.Run(async () =>
        {
            await run.DeliverAsync(Alice);
            var number = run.Store.Rows(Alice)[0].Number;
            Assert.Equal(ImportVerdict.UniqueIdTaken, await run.ImportAsync("a", $"{number}"));
            Assert.Equal(ImportVerdict.UniqueIdTaken, await run.ImportAsync("b", $"{number - 1}"));
            Assert.Equal(ImportVerdict.Stored, await run.ImportAsync("c", $"{MessageNumber.First - 1}"));
            Assert.Equal(ImportVerdict.Stored, await run.ImportAsync("d", $"0{number}"));
        });
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0007")]
    [Trait("Requirement", "STANXPOP3-C0008")]
    [Trait("Requirement", "STANXPOP3-C0009")]
    public void No_two_messages_of_a_mailbox_ever_show_the_same_unique_id()
    {
        for (var seed = 1; seed <= 60; seed++)
        {
            using var run = new MailboxRun((ulong)seed);
            var random = new Random(seed);
            var shownBy = new Dictionary<string, BodyId>();
            run.Scheduler.Run(async () =>
            {
                for (var step = 0; step < 120; step++)
                {
                    await StepAsync(run, random, step);
                    var snapshot = (await run.OpenAsync(Alice))!;
                    foreach (var (id, entry) in Shown(snapshot).Zip(snapshot.Messages))
                    {
                        shownBy.TryAdd(id, entry.Body);
                        Assert.True(shownBy[id] == entry.Body, $"seed {seed}: {id} is shown by two messages");
                    }
                }
            });
            Assert.True(shownBy.Count > 30, $"seed {seed}: {shownBy.Count}");
        }
    }

    private static async Task StepAsync(MailboxRun run, Random random, int step)
    {
        var rows = run.Store.Rows(Alice);
        var last = rows.Count > 0 ? rows[^1].Number : MessageNumber.First;
        switch (random.Next(6))
        {
            case 0:
            case 1:
                await run.DeliverAsync(Alice);
                break;
            case 2:
                // Just what the next numbers may be.
                await run.ImportAsync($"k{step}", $"{last + random.Next(-2, 6)}");
                break;
            case 3:
                await run.ImportAsync($"k{step}", $"x{random.Next(20)}");
                break;
            case 4 when rows.Count > 0:
                await run.DeleteOrFailAsync(Alice);
                break;
            default:
                // Long enough to be passivated, or not at all.
                await run.WaitAsync(TimeSpan.FromMinutes(random.Next(2) * 10));
                break;
        }
    }

    private static IEnumerable<string> Shown(MaildropSnapshot? snapshot) => snapshot!.Messages.Select(entry =>
        snapshot.ForeignUniqueIds is { } foreign && !foreign.Of(entry.Number).IsEmpty
            ? Encoding.ASCII.GetString(foreign.Of(entry.Number))
            : $"{entry.Number.Value}");
}
