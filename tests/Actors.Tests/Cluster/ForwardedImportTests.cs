using MailCluster.Actors.Delivery;
using MailCluster.Shared.Mailboxes;
using Xunit;
using static MailCluster.Actors.Tests.Cluster.MailClusterRun;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>Messages of other servers that come to a node which is not their home.</summary>
public sealed class ForwardedImportTests
{
    [Fact]
    public void They_keep_their_order_ids_dates_and_flags()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var home = run.Two.Importer.HomeOf(Alice);
            Assert.Equal(run.One.Self, home);
            var verdicts = await Task.WhenAll(Enumerable.Range(0, 64).Select(index => run.Two.Importer.ImportAsync(
                Message(run, $"key{index}", $"id.{index}", DateTimeOffset.UnixEpoch.AddMilliseconds(index)), home)));

            Assert.All(verdicts, verdict => Assert.Equal(ImportVerdict.Stored, verdict));
            var snapshot = (await run.One.OpenAsync(Alice))!;
            Assert.Equal(
                Enumerable.Range(0, 64).Select(index => $"id.{index}"),
                snapshot.Messages.Select(entry => System.Text.Encoding.ASCII.GetString(
                    snapshot.ForeignUniqueIds!.Of(entry.Number))));
            Assert.Equal(
                Enumerable.Range(0, 64).Select(index => DateTimeOffset.UnixEpoch.AddMilliseconds(index)),
                run.Database.Rows(Alice).Select(row => row.Date));
            Assert.All(run.Database.Rows(Alice), row => Assert.Equal(MessageAttributes.Flagged, row.Flags));
        });
    }

    [Fact]
    public void A_key_or_a_unique_id_that_came_before_is_not_taken_twice()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var home = run.Two.Importer.HomeOf(Alice);
            Assert.Equal(ImportVerdict.Stored, await run.Two.Importer.ImportAsync(Message(run, "a", "x"), home));
            Assert.Equal(ImportVerdict.AlreadyThere, await run.Two.Importer.LookAsync(Alice, "a", null, default));
            Assert.Equal(
                ImportVerdict.AlreadyThere, await run.Three.Importer.ImportAsync(Message(run, "a", "x"), home));
            Assert.Equal(ImportVerdict.UniqueIdTaken, await run.Two.Importer.ImportAsync(Message(run, "b", "x"), home));
            Assert.Equal(ImportVerdict.AlreadyThere, await run.One.Importer.ImportAsync(Message(run, "a", "x"), null));
            Assert.Single(run.Database.Rows(Alice));
        });
    }

    [Fact]
    public void Once_the_mailbox_has_moved_nothing_more_goes_to_the_home_of_before()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var before = run.Two.Importer.HomeOf(Alice);
            await run.MoveAsync(Alice, run.Three);
            Assert.Equal(ImportVerdict.NotHere, await run.Two.Importer.ImportAsync(Message(run, "a"), before));

            // Who has not heard of it yet asks there, and is told.
            run.Two.Homes.There(Alice, run.One.Self, 1);
            Assert.Equal(ImportVerdict.NotHere, await run.Two.Importer.ImportAsync(Message(run, "a"), before));
            Assert.Empty(run.Database.Rows(Alice));
            run.Two.Homes.There(Alice, run.Three.Self, 2);
            Assert.Equal(
                ImportVerdict.Stored,
                await run.Two.Importer.ImportAsync(Message(run, "a"), run.Two.Importer.HomeOf(Alice)));
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_a_broken_link_or_a_commit_that_fails_leaves_open_is_settled_by_sending_it_again(ulong seed)
    {
        var run = new MailClusterRun(seed);
        run.Scheduler.Run(async () =>
        {
            var verdicts = new Dictionary<string, ImportVerdict>();
            for (var round = 0; round < 20; round++)
            {
                var home = run.Two.Importer.HomeOf(Alice);
                run.Database.CommitsToFail = round % 4 == 1 ? 1 : 0;
                var keys = Enumerable.Range(round * 5, 5).Select(number => $"key{number}").ToList();
                for (var attempt = 0; keys.Count > 0; attempt++)
                {
                    Assert.True(attempt < 50, $"{keys.Count} are not taken.");
                    var asks = keys.Select(key => (
                        Key: key,
                        Verdict: run.Two.Importer.ImportAsync(
                            Message(run, key, $"id.{key}"), run.Two.Importer.HomeOf(Alice)))).ToList();
                    if (attempt == 0 && round % 3 == 0)
                    {
                        await run.WaitAsync(TimeSpan.FromMilliseconds(round % 5));
                        run.Network.Cut(run.One.Self.Id, run.Two.Self.Id);
                        run.Network.Heal(run.One.Self.Id, run.Two.Self.Id);
                    }

                    foreach (var (key, verdict) in asks)
                    {
                        if (await verdict is ImportVerdict.Stored or ImportVerdict.AlreadyThere)
                        {
                            Assert.True(keys.Remove(key));
                        }
                    }

                    await run.WaitAsync(TimeSpan.FromMilliseconds(200));
                }
            }

            Assert.Equal(100, run.Database.Rows(Alice).Count);
            Assert.Equal(100, (await run.One.OpenAsync(Alice))!.Messages.Length);
        });
    }

    [Fact]
    public void While_the_home_cannot_be_reached_nothing_is_taken_and_nothing_waits()
    {
        var run = new MailClusterRun();
        run.Scheduler.Run(async () =>
        {
            var home = run.Two.Importer.HomeOf(Alice);
            run.Network.Partition(run.One.Self.Id, run.Two.Self.Id);
            await run.WaitAsync(TimeSpan.FromSeconds(5));
            Assert.NotEqual(ImportVerdict.Stored, await run.Two.Importer.ImportAsync(Message(run, "a"), home));
            Assert.Empty(run.Database.Rows(Alice));
            run.Network.Heal(run.One.Self.Id, run.Two.Self.Id);
            await run.WaitAsync(TimeSpan.FromSeconds(5));
            Assert.Equal(ImportVerdict.Stored, await run.Two.Importer.ImportAsync(Message(run, "a"), home));
        });
    }

    private static ImportedMessage Message(
        MailClusterRun run, string key, string? uniqueId = null, DateTimeOffset? date = null) => new(
            Alice, key, new MessageOrigin(date ?? DateTimeOffset.UnixEpoch, MessageAttributes.Flagged, uniqueId),
            run.Database.NextId(), new byte[100], 100, 0, 103);
}
